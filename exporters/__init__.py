"""From a trained run to files that other programs load.

A format is a module with `write` and `runner`, and a row of `publish.FORMATS`.
"""

from keras_gan.exporters.publish import FORMATS, Export, export

__all__ = ["FORMATS", "Export", "export"]
