"""Values that people write, checked against annotations."""

import pytest

from keras_gan.utils.checks import check_value
from keras_gan.utils.errors import ConfigError


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        (None, int | None, None),
        (3, int | None, 3),
        (3, str | int, 3),
        ("three", int | str, "three"),
        (["a"], str | list[str], ["a"]),
        ([1], list[str] | list[int] | None, [1]),
        ("1e-4", bool | float, 1e-4),
    ],
)
def test_a_union_takes_what_any_of_its_types_takes(value, annotation, expected):
    found = check_value("a.b", value, annotation)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("value", [1.5, {}, None, [1]])
def test_what_fits_no_type_of_a_union_is_refused(value):
    with pytest.raises(ConfigError, match=r"^`a\.b"):
        check_value("a.b", value, int | list[str])
