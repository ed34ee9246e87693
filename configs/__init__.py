"""The recipes that come with keras-gan, one YAML file each."""
