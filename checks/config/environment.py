"""The base of all settings: environment variables, and the sentence for a bad value."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from checks.config.bad_setting import BadSetting


class EnvironmentSettings(BaseSettings):
    """Settings that a process reads from its environment when it starts.

    Raises BadSetting. Each field has a validation alias (the variable) and a description (the allowed values, as the end of
    the sentence "expected …"). An empty variable counts as not set.
    """

    model_config = SettingsConfigDict(extra="ignore", populate_by_name=True, env_ignore_empty=True)

    def __init__(self, **given: Any) -> None:
        try:
            super().__init__(**given)
        except ValidationError as wrong:
            raise BadSetting("\n".join(self._sentences(wrong))) from None

    @classmethod
    def variables(cls) -> dict[str, tuple[str, Any]]:
        """The allowed values and the default of each variable."""
        return {
            str(field.validation_alias): (field.description or "", field.default) for field in cls.model_fields.values()
        }

    @classmethod
    def _sentences(cls, wrong: ValidationError) -> Iterator[str]:
        variables = cls.variables()
        quoted = {str(f.validation_alias) for f in cls.model_fields.values() if _may_be_quoted(f.annotation)}
        for error in wrong.errors():
            name = ".".join(str(part) for part in error["loc"])
            yield f"{name} is {_value(error, quoted=name in quoted)}; expected {variables.get(name, ('', None))[0]}"


def _may_be_quoted(annotation: Any) -> bool:
    """Whether a value can be shown; texts that may contain a password cannot."""
    choices = (annotation, *get_args(annotation))
    plain = {get_args(each)[0] if get_origin(each) is Annotated else each for each in choices}
    return not plain & {str, SecretStr}


def _value(error: ErrorDetails, *, quoted: bool) -> str:
    return f'"{str(error["input"])[:60]}"' if quoted else "not valid (its value is not shown here)"


def _one_line(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().isprintable():
        raise ValueError
    return value


def _token(value: SecretStr) -> SecretStr:
    """A value that fits into a header of HTTP."""
    secret = value.get_secret_value()
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise ValueError
    return value


def _address(value: str, schemes: tuple[str, ...]) -> SplitResult:
    """The parts of an address. Raises ValueError."""
    parts = urlsplit(value)
    # Reading the port raises ValueError if it is not a number below 65536, the name's encoding if no resolver accepts it.
    if parts.scheme not in schemes or not parts.hostname or parts.port == 0 or any(c.isspace() for c in value):
        raise ValueError
    parts.hostname.encode("idna")
    if not value.isprintable() or parts.fragment:
        raise ValueError
    return parts


def _web_address(value: str) -> str:
    parts = _address(value, ("http", "https"))
    if parts.query:
        raise ValueError
    return _with_lower_scheme(value, parts)


_REDIS_CHOICES = {"ssl_cert_reqs": ("required", "optional", "none"), "ssl_check_hostname": ("true", "false")}
_REDIS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_MOST_DIGITS = 5
_LONGEST_NAME = 255


def _redis_address(value: str) -> str:
    """The address, if the records' client and the queue's transport both understand it.

    They read the parameters in different ways, and set their own time-outs.
    """
    parts = _address(value, ("redis", "rediss"))
    database = parts.path.strip("/")
    if database and not (database.isascii() and database.isdecimal() and len(database) <= _MOST_DIGITS):
        raise ValueError
    given = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    if given and (parts.scheme != "rediss" or len(dict(given)) < len(given)):
        raise ValueError
    for name, chosen in given:
        if chosen not in _REDIS_CHOICES.get(name, ()) and not (name in _REDIS_FILES and _is_file(Path(chosen))):
            raise ValueError
    return _with_lower_scheme(value, parts)


def _with_lower_scheme(value: str, parts: SplitResult) -> str:
    """The address with its scheme in lower case, as the clients expect it."""
    return parts.scheme + value[len(parts.scheme) :]


def _is_file(path: Path) -> bool:
    """Whether a file exists; a path that the system refuses is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _existing_folder(path: Path) -> Path:
    if not _is_folder(path):
        raise ValueError
    return path


def _file_in_a_folder(path: Path) -> Path:
    if _is_folder(path) or not _is_folder(path.parent) or len(os.fsencode(path.name)) > _LONGEST_NAME:
        raise ValueError
    if not os.access(
        path if path.exists() else path.parent, os.W_OK, effective_ids=os.access in os.supports_effective_ids
    ):
        raise ValueError
    return path


Token = Annotated[SecretStr, AfterValidator(_token)]
"""A token of ASCII characters in one line, as HTTP requires."""
OneLineSecret = Annotated[SecretStr, AfterValidator(_one_line)]
"""A token or password in one line.

A Secret often ends with a line break that was not meant.
"""
WebAddress = Annotated[str, AfterValidator(_web_address)]
RedisAddress = Annotated[str, AfterValidator(_redis_address)]
ExistingFolder = Annotated[Path, AfterValidator(_existing_folder)]
FileInAFolder = Annotated[Path, AfterValidator(_file_in_a_folder)]
Number = Annotated[float, Field(allow_inf_nan=False)]
