"""The SAM template as the CloudFormation that AWS would make of it, without calling AWS.

AWS expands `Transform: AWS::Serverless-2016-10-31` on its side; aws-sam-translator is the very library it uses
(https://github.com/aws/serverless-application-model). Two things differ from a deployment, because nothing is uploaded:
every function's code is a placeholder object in S3, and a state machine's definition file is inlined.

    python -m dev.expand [template.yaml] > expanded.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from samcli.yamlhelper import yaml_parse
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from yaml import YAMLError

REGION = "eu-west-1"
CODE_BUCKET = "tocsin-code-placeholder"
CODE_KEY = "artifact.zip"

Template = dict[str, Any]


class TemplateError(Exception):
    """The template cannot be expanded; carries every reason that the translator found."""

    def __init__(self, template: Path, reasons: Iterable[str]) -> None:
        self.template = template
        self.reasons = tuple(reasons)
        super().__init__("\n".join(f"{template}: {reason}" for reason in self.reasons))


class _Session:
    """All that the translator asks of a boto3 session: where it is."""

    def __init__(self, region_name: str) -> None:
        self.region_name = region_name


class _ManagedPolicies(dict[str, str]):
    """Managed policies by name, without asking IAM: AWS's own have a constant form of ARN."""

    def __missing__(self, name: str) -> str:
        return f"arn:aws:iam::aws:policy/{name}"

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)

    def get(self, name: str, default: Any = None) -> Any:
        return self[name]


def expand(template: Path, parameters: Mapping[str, str] | None = None, *, region: str = REGION) -> Template:
    """Return the CloudFormation template that `template` expands to.

    `parameters` override the defaults of the template; they decide only what the translator itself has to know
    (most references stay references). Raises TemplateError with all reasons at once.
    """
    source = read(template)
    for properties in _properties(source, "AWS::Serverless::Function"):
        properties["CodeUri"] = {"Bucket": CODE_BUCKET, "Key": CODE_KEY}
    for properties in _properties(source, "AWS::Serverless::StateMachine"):
        _inline_definition(properties, template.parent)
    translator = Translator(_ManagedPolicies(), Parser(), boto_session=_Session(region))
    try:
        expanded: Template = translator.translate(source, parameter_values=dict(parameters or {}))
    except InvalidDocumentException as error:
        raise TemplateError(template, [cause.message for cause in error.causes]) from error
    # The translator answers its own dict and str subclasses; what we give away is plain JSON.
    plain: Template = json.loads(json.dumps(expanded))
    return plain


def read(template: Path) -> Template:
    """Return the template as it is written, with the short intrinsics (`!Ref x`) in their long form."""
    try:
        parsed = yaml_parse(template.read_text(encoding="utf-8"))
    except (OSError, ValueError, YAMLError) as error:
        raise TemplateError(template, [str(error)]) from error
    plain: Template = json.loads(json.dumps(parsed, default=str))
    return plain


def _properties(source: Template, resource_type: str) -> Iterable[dict[str, Any]]:
    for resource in source.get("Resources", {}).values():
        if resource.get("Type") == resource_type:
            yield resource.setdefault("Properties", {})


def _inline_definition(properties: dict[str, Any], folder: Path) -> None:
    """Replace a path in DefinitionUri by the file's content.

    As an object, not as `Fn::Sub` over its text: Sub would read the context object's `$$` as an escaped dollar.
    """
    uri = properties.get("DefinitionUri")
    if isinstance(uri, str):
        del properties["DefinitionUri"]
        properties["Definition"] = read(folder / uri)


def main(arguments: list[str]) -> int:
    """Print the expanded template as JSON."""
    template = Path(arguments[0]) if arguments else Path("template.yaml")
    try:
        print(json.dumps(expand(template), indent=2, sort_keys=True))
    except TemplateError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
