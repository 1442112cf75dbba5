"""What the template promises, read from what CloudFormation would be given.

A linter knows the shape of each resource; it does not know that a delivery must not disappear, that a role may do
only what its function does, or that an alarm about silence has to treat missing data as breaching.
"""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from samcli.yamlhelper import yaml_parse

from dev.expand import expand
from tests.test_metrics_documented import counted
from tocsin.core.watching import WATCHDOG_EVERY
from tocsin.pipeline import clicks

ROOT = Path(__file__).parents[2]

FUNCTIONS = {
    "EvaluateFunction": "evaluate",
    "DispatchFunction": "dispatch",
    "EscalateFunction": "escalate",
    "NotifySlackFunction": "notify_slack",
    "NotifyPagerdutyFunction": "notify_pagerduty",
    "NotifyEmailFunction": "notify_email",
    "NotifyWebhookFunction": "notify_webhook",
    "ApiFunction": "api",
    "ActFunction": "act",
}

# Invoked without anyone waiting for the answer: by the schedule and by SNS. The others' failures go to who waits: a
# queue's redrive, the state machine's retries, the HTTP caller.
ASYNCHRONOUS = {
    "EvaluateFunction": "TickDeadLetterQueue",
    "NotifySlackFunction": "DeliveryDeadLetterQueue",
    "NotifyPagerdutyFunction": "DeliveryDeadLetterQueue",
    "NotifyEmailFunction": "DeliveryDeadLetterQueue",
    "NotifyWebhookFunction": "DeliveryDeadLetterQueue",
    "ApiFunction": "DeliveryDeadLetterQueue",
}

# Statements whose resource is "*", and why AWS leaves no choice.
EVERY_RESOURCE = {
    ("TracingPolicy", "WriteTraces"): "X-Ray's actions know no resource",
    ("EscalationRole", "DeliverLogs"): "log delivery's actions know no resource",
}

# Statements with a resource that ends in a star, and what narrows it.
EVERY_RESOURCE_BELOW = {
    ("ConfigPolicy", "ReadFiles"): "the files of the configuration, whatever their names",
    ("SendMailPolicy", "SendMail"): "the sender's default configuration set, of whatever name: as the sender only",
}

# What each role may do beyond its own logs and the shared policies.
ALLOWED_SERVICES = {
    "EvaluateRole": {"aps", "dynamodb", "logs", "secretsmanager", "sqs"},
    "DispatchRole": {"dynamodb", "logs", "sns", "sqs", "states"},
    "EscalateRole": {"dynamodb", "logs", "sqs"},
    "NotifySlackRole": {"dynamodb", "logs", "secretsmanager", "sqs"},
    "NotifyPagerdutyRole": {"dynamodb", "logs", "secretsmanager", "sqs"},
    "NotifyEmailRole": {"dynamodb", "logs", "secretsmanager", "ses", "sqs"},
    "NotifyWebhookRole": {"dynamodb", "logs", "secretsmanager", "sns", "sqs", "sts"},
    "ApiRole": {"dynamodb", "logs", "secretsmanager", "sqs"},
    "ActRole": {"dynamodb", "logs", "sqs"},
    "EvaluateScheduleRole": {"lambda"},
    "EscalationRole": {"lambda", "logs"},
}

# A namespace for each stack: one stage must not hide what another lacks.
NAMESPACE = "Tocsin/${AWS::StackName}"

# Alarms by what they watch: the metrics, and how silence is taken.
ALARMS = {
    "TickMissingAlarm": ({(NAMESPACE, "TickCompleted")}, "breaching"),
    "RuleFailuresAlarm": ({(NAMESPACE, "RuleEvaluationFailures")}, "notBreaching"),
    "EvaluateErrorsAlarm": ({("AWS/Lambda", "Errors")}, "notBreaching"),
    "DispatchErrorsAlarm": ({("AWS/Lambda", "Errors")}, "notBreaching"),
    "TimerDeadLettersAlarm": ({("AWS/SQS", "ApproximateNumberOfMessagesVisible")}, "notBreaching"),
    "TickDeadLettersAlarm": ({("AWS/SQS", "ApproximateNumberOfMessagesVisible")}, "notBreaching"),
    "DeliveryDeadLettersAlarm": ({("AWS/SQS", "ApproximateNumberOfMessagesVisible")}, "notBreaching"),
    "ActionDeadLettersAlarm": ({("AWS/SQS", "ApproximateNumberOfMessagesVisible")}, "notBreaching"),
    "OldestTimerAlarm": ({("AWS/SQS", "ApproximateAgeOfOldestMessage")}, "notBreaching"),
    "EscalationFailedAlarm": (
        {("AWS/States", "ExecutionsFailed"), ("AWS/States", "ExecutionsTimedOut"), ("AWS/States", "ExecutionsAborted")},
        "notBreaching",
    ),
    "ConfigRefusedAlarm": ({(NAMESPACE, "ConfigRefused")}, "notBreaching"),
    "NotificationsFailedAlarm": ({(NAMESPACE, "NotificationsFailed")}, "notBreaching"),
    "EvaluateMissingAlarm": ({("AWS/Lambda", "Invocations")}, "breaching"),
    "WatchdogMissingAlarm": ({(NAMESPACE, "WatchdogDelivered")}, "breaching"),
    "CanaryMissingAlarm": ({(NAMESPACE, "CanariesMissing")}, "notBreaching"),
    "ThrottledAlarm": ({("AWS/Lambda", "Throttles")}, "notBreaching"),
    "NearTimeoutAlarm": ({("AWS/Lambda", "Duration")}, "notBreaching"),
    "FunctionErrorsAlarm": ({("AWS/Lambda", "Errors")}, "notBreaching"),
    "TableFailingAlarm": (
        {
            ("AWS/DynamoDB", "ReadThrottleEvents"),
            ("AWS/DynamoDB", "WriteThrottleEvents"),
            ("AWS/DynamoDB", "SystemErrors"),
        },
        "notBreaching",
    ),
    "TopicFailingAlarm": (
        {("AWS/SNS", "NumberOfNotificationsFailed"), ("AWS/SNS", "NumberOfNotificationsFailedToRedriveToDlq")},
        "notBreaching",
    ),
    "ScheduleFailingAlarm": (
        {("AWS/Scheduler", "InvocationDroppedCount"), ("AWS/Scheduler", "TargetErrorCount")},
        "notBreaching",
    ),
}

# Alarms that are not always there. CloudWatch charges for each metric that an alarm looks at.
CONDITIONAL_ALARMS = {
    "WatchdogMissingAlarm": "HasWatchdog",
    "ThrottledAlarm": "HasAllAlarms",
    "NearTimeoutAlarm": "HasAllAlarms",
    "FunctionErrorsAlarm": "HasAllAlarms",
    "TableFailingAlarm": "HasAllAlarms",
    "TopicFailingAlarm": "HasAllAlarms",
    "ScheduleFailingAlarm": "HasAllAlarms",
}
# That many a dashboard shows free of charge.
MOST_SHOWN_METRICS = 50

TEMPLATE: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
EXPANDED = expand(ROOT / "template.yaml")
RESOURCES: dict[str, Any] = EXPANDED["Resources"]


def _plain(value: Any) -> Any:
    """The same value with ordinary dicts, as JSON would give it back."""
    return json.loads(json.dumps(value))


def _of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {name: _plain(r["Properties"]) for name, r in RESOURCES.items() if r["Type"] == kind}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _statements() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each statement of each identity policy, with the logical id of what holds it."""
    for name, role in _of_type("AWS::IAM::Role").items():
        for policy in role.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement
    for kind in ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"):
        for name, policy in _of_type(kind).items():
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement


def _actions_by_role() -> dict[str, set[str]]:
    """Each role's actions: its own, and those of the policies that name this role alone."""
    actions: dict[str, set[str]] = {name: set() for name in _of_type("AWS::IAM::Role")}
    for holder, statement in _statements():
        if holder in actions:
            actions[holder].update(_as_list(statement["Action"]))
    for policy in _of_type("AWS::IAM::Policy").values():
        for role in policy["Roles"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                actions[role["Ref"]].update(_as_list(statement["Action"]))
    return actions


# ----------------------------------------------------------------------------------------------- shape


def _lint(template: dict[str, Any], region: str, folder: Path) -> list[str]:
    """What cfn-lint's command says: its errors and warnings, one a line."""
    path = folder / "expanded.json"
    path.write_text(json.dumps(template, indent=1), encoding="utf-8")
    command = [
        str(Path(sys.executable).with_name("cfn-lint")),
        "--format",
        "parseable",
        "--regions",
        region,
        "--template",
        str(path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1"])
def test_the_expanded_template_has_no_errors_and_no_warnings(region: str, tmp_path: Path) -> None:
    template = _plain(expand(ROOT / "template.yaml", region=region))
    # As text with substitutions the definition is opaque to the linter; as an object it is checked too.
    properties = template["Resources"]["EscalationStateMachine"]["Properties"]
    del properties["DefinitionString"]
    properties["Definition"] = yaml_parse((ROOT / "statemachines" / "escalation.asl.yaml").read_text(encoding="utf-8"))
    assert _lint(template, region, tmp_path) == []


def test_the_linter_would_notice_mistakes_in_a_resource_and_in_the_state_machine(tmp_path: Path) -> None:
    template = _plain(EXPANDED)
    template["Resources"]["Table"]["Properties"]["BilingMode"] = "PAY_PER_REQUEST"
    properties = template["Resources"]["EscalationStateMachine"]["Properties"]
    del properties["DefinitionString"]
    properties["Definition"] = {"StartAt": "Decide", "States": {"Decide": {"Type": "Wiat", "End": True}}}
    rules = {line.split(":")[5] for line in _lint(template, "eu-west-1", tmp_path)}
    assert rules >= {"E3002", "E3601"}


@pytest.mark.parametrize("name", sorted(TEMPLATE["Parameters"]))
def test_each_parameter_says_what_it_is_and_what_it_takes(name: str) -> None:
    parameter = TEMPLATE["Parameters"][name]
    assert len(parameter["Description"]) > 20
    assert "Default" in parameter
    if "AllowedPattern" in parameter:
        assert parameter["ConstraintDescription"] or parameter["Default"]
        assert re.search(parameter["AllowedPattern"], str(parameter["Default"])), "the default is refused"
    elif "AllowedValues" in parameter:
        assert parameter["Default"] in parameter["AllowedValues"]
    else:
        assert parameter["Type"] == "Number"
        assert parameter["MinValue"] <= parameter["Default"] <= parameter["MaxValue"]


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("PrometheusUrl", "https://aps-workspaces.eu-west-1.amazonaws.com/workspaces/ws-1", True),
        ("PrometheusUrl", "http://10.0.0.1:9090", True),
        ("PrometheusUrl", "https://prometheus.example.org/", False),
        ("PrometheusUrl", "prometheus.example.org", False),
        ("WorkspaceArn", "arn:aws:aps:eu-west-1:123456789012:workspace/ws-0a1b-2c3d", True),
        ("WorkspaceArn", "arn:aws:aps:eu-west-1:123456789012:workspace/*", False),
        ("ConfigUri", "s3://my-bucket", True),
        ("ConfigUri", "s3://my-bucket/tocsin/prod", True),
        ("ConfigUri", "s3://my-bucket/tocsin/", False),
        ("ConfigUri", "s3://my-bucket/*", False),
        ("ConfigUri", "/etc/tocsin", False),
        ("ScheduleExpression", "rate(5 minutes)", True),
        ("ScheduleExpression", "cron(0/2 8-18 ? * MON-FRI *)", True),
        ("ScheduleExpression", "rate(1 minutes and a bit)", False),
        ("SlackSecretArn", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:tocsin/slack-AbCdEf", True),
        ("SlackSecretArn", "https://hooks.slack.com/services/T0/B0/x", False),
        ("SlackSecretArn", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:*", False),
        ("EmailOncall", "a@example.org, b@example.org", True),
        ("EmailOncall", "a@example.org b@example.org", False),
        ("EmailFrom", "Tocsin <alerts@example.org>", False),
        ("EmailSandboxArns", "arn:aws:ses:eu-west-1:123456789012:identity/ann+oncall@example.org", True),
        ("EmailSandboxArns", "arn:aws:ses:eu-west-1:123456789012:identity/*", False),
        ("EmailSandboxArns", "ann@example.org", False),
        ("OtherKmsKeyArns", "arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-0000-4000-8000-000000000000", True),
        ("OtherKmsKeyArns", "arn:aws:kms:eu-west-1:123456789012:key/*", False),
        ("OtherKmsKeyArns", "arn:aws:kms:eu-west-1:123456789012:alias/mine", False),
        ("SnsRoleArns", "arn:aws:iam::123456789012:role/team/publish-alerts", True),
        ("SnsRoleArns", "arn:aws:iam::123456789012:role/*", False),
        ("SnsRoleArns", "*", False),
        ("SnsRoleArns", "arn:aws:iam::123456789012:user/ann", False),
        ("AlertThresholdErrorRate", "0.05", True),
        ("AlertThresholdErrorRate", "5%", False),
        ("Stage", "Prod", False),
    ],
)
def test_a_parameter_takes_what_it_should(name: str, value: str, *, accepted: bool) -> None:
    # CloudFormation matches the whole value.
    assert bool(re.fullmatch(TEMPLATE["Parameters"][name]["AllowedPattern"], value)) is accepted


def test_every_parameter_and_condition_is_used() -> None:
    text = json.dumps({key: TEMPLATE[key] for key in ("Rules", "Conditions", "Globals", "Resources", "Outputs")})
    unused = [name for name in TEMPLATE["Parameters"] if f'"{name}"' not in text and f"${{{name}}}" not in text]
    assert unused == []
    text = json.dumps({key: TEMPLATE[key] for key in ("Globals", "Resources", "Outputs")})
    assert [name for name in TEMPLATE["Conditions"] if f'"{name}"' not in text] == []


def test_the_console_groups_every_parameter_once() -> None:
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(TEMPLATE["Parameters"])


def test_every_stage_sets_only_parameters_that_exist_and_values_that_they_take() -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    stages = {name: table for name, table in config.items() if name != "version"}
    assert set(stages) == {"default", "staging", "prod"}
    for stage in stages.values():
        assert stage["validate"]["parameters"]["lint"] is True
        for override in stage["deploy"]["parameters"]["parameter_overrides"]:
            name, value = override.split("=", 1)
            parameter = TEMPLATE["Parameters"][name]
            assert re.fullmatch(parameter.get("AllowedPattern", ".*"), value)
            assert value in [str(allowed) for allowed in parameter.get("AllowedValues", [value])]
    assert len({stage["global"]["parameters"]["stack_name"] for stage in stages.values()}) == len(stages)


# ------------------------------------------------------------------------------------------- functions


def test_the_functions_are_those_of_the_design() -> None:
    assert set(_of_type("AWS::Lambda::Function")) == set(FUNCTIONS)


@pytest.mark.parametrize(("function", "folder"), FUNCTIONS.items())
def test_each_handler_exists(function: str, folder: str) -> None:
    properties = _of_type("AWS::Lambda::Function")[function]
    assert properties["Handler"] == f"{folder}.handler.handler"
    source = (ROOT / "functions" / folder / "handler.py").read_text(encoding="utf-8")
    assert re.search(r"^(def handler\(|handler = )", source, re.MULTILINE)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_function_has_its_own_role_log_group_and_traces(function: str) -> None:
    name = function.removesuffix("Function")
    properties = _of_type("AWS::Lambda::Function")[function]
    assert properties["Role"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
    assert properties["LoggingConfig"] == {"LogGroup": {"Ref": f"{name}LogGroup"}}
    assert properties["TracingConfig"] == {"Mode": "Active"}
    assert properties["Architectures"] == [{"Ref": "Architecture"}]
    assert properties["Runtime"] == {"Ref": "PythonRuntime"}
    assert "ReservedConcurrentExecutions" not in properties


@pytest.mark.parametrize("name", sorted(_of_type("AWS::Logs::LogGroup")))
def test_each_log_group_forgets(name: str) -> None:
    properties = _of_type("AWS::Logs::LogGroup")[name]
    assert properties["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert properties["KmsKeyId"]["Fn::If"][:2] == ["HasKey", {"Ref": "KmsKeyArn"}]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_function_names_itself_in_logs_and_metrics(function: str) -> None:
    variables = _of_type("AWS::Lambda::Function")[function]["Environment"]["Variables"]
    assert variables["POWERTOOLS_SERVICE_NAME"] == FUNCTIONS[function]
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == {"Fn::Sub": NAMESPACE}


def test_a_secret_is_named_only_to_the_function_that_reads_it() -> None:
    functions = _of_type("AWS::Lambda::Function")
    holders = {
        variable: {name for name, function in functions.items() if variable in function["Environment"]["Variables"]}
        for variable in (
            "TOCSIN_SECRET_SLACK",
            "TOCSIN_SECRET_PAGERDUTY",
            "TOCSIN_SECRET_EMAIL",
            "TOCSIN_SECRET_WEBHOOK",
            "TOCSIN_SECRET_HEARTBEAT",
            "TOCSIN_SECRET_LINKS",
            "TOCSIN_SECRET_API_TOKENS",
        )
    }
    assert holders == {
        "TOCSIN_SECRET_SLACK": {"ApiFunction", "NotifySlackFunction"},
        "TOCSIN_SECRET_PAGERDUTY": {"ApiFunction", "NotifyPagerdutyFunction"},
        "TOCSIN_SECRET_EMAIL": {"NotifyEmailFunction"},
        "TOCSIN_SECRET_WEBHOOK": {"NotifyWebhookFunction"},
        "TOCSIN_SECRET_HEARTBEAT": {"EvaluateFunction", "NotifyWebhookFunction"},
        "TOCSIN_SECRET_LINKS": {"ApiFunction", "NotifyEmailFunction", "NotifySlackFunction", "NotifyWebhookFunction"},
        "TOCSIN_SECRET_API_TOKENS": {"ApiFunction"},
    }


# ------------------------------------------------------------------------------ no delivery disappears


def test_what_is_invoked_asynchronously_is_listed() -> None:
    assert set(_of_type("AWS::Lambda::EventInvokeConfig")) == {f"{name}EventInvokeConfig" for name in ASYNCHRONOUS}


@pytest.mark.parametrize(("function", "queue"), ASYNCHRONOUS.items())
def test_what_a_function_finally_fails_at_is_kept(function: str, queue: str) -> None:
    config = _of_type("AWS::Lambda::EventInvokeConfig")[f"{function}EventInvokeConfig"]
    assert config["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": [queue, "Arn"]}
    # The next tick does a failed tick's work; a notification has nobody else.
    assert config["MaximumRetryAttempts"] == (0 if function == "EvaluateFunction" else 2)
    role = f"{function.removesuffix('Function')}Role"
    may_send_to = [
        statement["Resource"]
        for holder, statement in _statements()
        if holder == role and statement["Action"] == "sqs:SendMessage"
    ]
    assert {"Fn::GetAtt": [queue, "Arn"]} in may_send_to


def test_each_subscription_filters_and_redrives() -> None:
    subscriptions = {
        name: s for name, s in _of_type("AWS::SNS::Subscription").items() if s["TopicArn"] == {"Ref": "AlertsTopic"}
    }
    assert {name: s["FilterPolicy"] for name, s in subscriptions.items()} == {
        "EmailSubscription": {"integration": ["sns"]},
        "NotifySlackFunctionNotifications": {"integration": ["slack"]},
        "NotifyPagerdutyFunctionNotifications": {"integration": ["pagerduty"]},
        "NotifyEmailFunctionNotifications": {"integration": ["email"]},
        "NotifyWebhookFunctionNotifications": {
            "integration": ["webhook", "discord", "msteamsv2", "telegram", "opsgenie", "sns-out", "heartbeat"]
        },
    }
    for subscription in subscriptions.values():
        target = subscription["RedrivePolicy"]["deadLetterTargetArn"]
        assert target == {"Fn::GetAtt": ["DeliveryDeadLetterQueue", "Arn"]}


def test_the_topics_may_put_into_the_dead_letter_queue() -> None:
    (policy,) = _of_type("AWS::SQS::QueuePolicy").values()
    ours, perhaps = policy["PolicyDocument"]["Statement"]
    condition, theirs, otherwise = perhaps["Fn::If"]
    assert (condition, otherwise) == ("HasAmpTopic", {"Ref": "AWS::NoValue"})
    for statement, topic in ((ours, "AlertsTopic"), (theirs, "AmpTopicArn")):
        assert statement["Principal"] == {"Service": "sns.amazonaws.com"}
        assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Ref": topic}}}


@pytest.mark.parametrize("queue", ["TimerQueue", "TickQueue", "ActionQueue"])
def test_a_poisonous_message_leaves_its_queue(queue: str) -> None:
    queues = _of_type("AWS::SQS::Queue")
    redrive = queues[queue]["RedrivePolicy"]
    target = redrive["deadLetterTargetArn"]["Fn::GetAtt"][0]
    assert redrive["maxReceiveCount"] >= 3
    # A message keeps its age when it is moved, so a shorter retention there would lose it at once.
    assert queues[target]["MessageRetentionPeriod"] > queues[queue]["MessageRetentionPeriod"]


def test_one_bad_timer_does_not_repeat_its_batch() -> None:
    mapping = _of_type("AWS::Lambda::EventSourceMapping")["DispatchFunctionTimers"]
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["TimerQueue", "Arn"]}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] <= 10


@pytest.mark.parametrize(
    ("mapping", "queue"),
    [
        ("DispatchFunctionTimers", "TimerQueue"),
        ("EvaluateFunctionTicks", "TickQueue"),
        ("ActFunctionActions", "ActionQueue"),
    ],
)
def test_a_message_stays_hidden_while_it_is_worked_on(mapping: str, queue: str) -> None:
    function = _of_type("AWS::Lambda::EventSourceMapping")[mapping]["FunctionName"]["Ref"]
    timeout = _of_type("AWS::Lambda::Function")[function]["Timeout"]
    assert _of_type("AWS::SQS::Queue")[queue]["VisibilityTimeout"] >= timeout


def test_a_click_comes_as_often_as_the_function_expects() -> None:
    queue = _of_type("AWS::SQS::Queue")["ActionQueue"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == clicks.TRIES
    # It comes back after its function has died when it is in nobody's hand any more.
    timeout = _of_type("AWS::Lambda::Function")["ActFunction"]["Timeout"]
    assert timeout < clicks.IN_HAND.total_seconds() <= queue["VisibilityTimeout"]


def test_the_schedule_gives_its_own_time() -> None:
    schedule = _of_type("AWS::Scheduler::Schedule")["EvaluateSchedule"]
    assert json.loads(schedule["Target"]["Input"]) == {"now": "<aws.scheduler.scheduled-time>"}
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert schedule["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 60


# ------------------------------------------------------------------------------------- least privilege


def test_no_role_may_do_every_action_of_anything() -> None:
    wild = [(holder, a) for holder, s in _statements() for a in _as_list(s["Action"]) if "*" in a]
    assert wild == []
    assert all("NotAction" not in s and "NotResource" not in s for _, s in _statements())


def test_every_resource_is_named_except_where_aws_knows_none() -> None:
    wild = {(holder, s["Sid"]) for holder, s in _statements() if "*" in _as_list(s["Resource"])}
    assert wild == set(EVERY_RESOURCE)


def test_a_resource_ends_in_a_star_only_where_something_else_narrows_it() -> None:
    wild = {
        (holder, statement["Sid"])
        for holder, statement in _statements()
        for resource in _as_list(statement["Resource"])
        if "*" in json.dumps(resource) and resource != "*"
    }
    assert wild == set(EVERY_RESOURCE_BELOW)


def _grants(value: Any) -> Iterator[dict[str, Any]]:
    """Each thing that names a principal, wherever it stands: a statement, a permission."""
    if isinstance(value, dict):
        if "Principal" in value or "NotPrincipal" in value:
            yield value
        for each in value.values():
            yield from _grants(each)
    elif isinstance(value, list):
        for each in value:
            yield from _grants(each)


def _too_open(resources: dict[str, Any]) -> list[str]:
    """The resources that let somebody in who is no service of AWS, or a service on behalf of whoever asks it."""
    found = []
    for name, resource in _plain(resources).items():
        for grant in _grants(resource):
            principal = grant.get("Principal", "*")
            services = _as_list(principal.get("Service")) if isinstance(principal, dict) else [principal]
            is_service = set(principal) == {"Service"} if isinstance(principal, dict) else True
            is_named = all(re.fullmatch(r"[a-z]+\.amazonaws\.com", str(each)) for each in services)
            asked = {key for tests in grant.get("Condition", {}).values() for key in tests}
            # A role that functions take has no other reader: who may pass it is said by IAM.
            is_bound = bool(BOUND_BY & (asked | set(grant))) or services == ["lambda.amazonaws.com"]
            wild = [action for action in _as_list(grant["Action"]) if "*" in action]
            if not (is_service and is_named and is_bound) or wild:
                found.append(name)
    return found


BOUND_BY = {"SourceArn", "SourceAccount", "aws:SourceArn", "aws:SourceAccount"}


def test_only_services_of_aws_are_let_in_and_only_for_this_stack() -> None:
    assert _too_open(RESOURCES) == []


@pytest.mark.parametrize(
    ("resource", "change"),
    [
        ("OperationsTopicPolicy", {"Principal": "*"}),
        ("OperationsTopicPolicy", {"Principal": {"AWS": "*"}}),
        ("OperationsTopicPolicy", {"Principal": {"Service": "*.amazonaws.com"}}),
        ("OperationsTopicPolicy", {"Condition": None}),
        ("OperationsTopicPolicy", {"Condition": {"StringEquals": {"aws:PrincipalType": "AWS"}}}),
        ("OperationsTopicPolicy", {"Action": "sns:*"}),
        ("DeliveryDeadLetterQueuePolicy", {"Principal": "*"}),
        ("EvaluateRole", {"Principal": {"AWS": "arn:aws:iam::123456789012:root"}}),
        ("EscalationRole", {"Condition": None}),
        ("AmpPermission", {"SourceArn": None}),
        ("AmpPermission", {"Principal": "*"}),
        ("AmpPermission", {"Principal": "123456789012"}),
    ],
)
def test_somebody_else_would_be_noticed(resource: str, change: dict[str, Any]) -> None:
    changed = _plain(RESOURCES[resource])
    grant = next(_grants(changed))
    grant.update(change)
    for key in [key for key, value in grant.items() if value is None]:
        del grant[key]
    assert _too_open({resource: changed}) == [resource]


def test_nobody_gets_a_policy_that_aws_wrote() -> None:
    for role in _of_type("AWS::IAM::Role").values():
        assert role.get("ManagedPolicyArns", []) in ([], [{"Ref": "TracingPolicy"}])


@pytest.mark.parametrize(("role", "services"), ALLOWED_SERVICES.items())
def test_each_role_uses_only_its_services(role: str, services: set[str]) -> None:
    assert {action.split(":")[0] for action in _actions_by_role()[role]} == services


def test_every_role_is_listed() -> None:
    assert set(_of_type("AWS::IAM::Role")) == set(ALLOWED_SERVICES)


# What each function does to the table; DeleteItem takes confirmed entries out of the outbox, and old parts of large
# records away.
TABLE_ACTIONS = {
    "EvaluateRole": {"BatchGetItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"},
    "DispatchRole": {"DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"},
    "EscalateRole": {"GetItem", "PutItem", "Query", "UpdateItem"},
    "NotifySlackRole": {"DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"},
    "NotifyPagerdutyRole": {"DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"},
    "NotifyEmailRole": {"DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"},
    "NotifyWebhookRole": {"DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"},
    "ApiRole": {"BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"},
    "ActRole": {"GetItem", "PutItem", "Query", "UpdateItem"},
}


@pytest.mark.parametrize("role", TABLE_ACTIONS)
def test_a_role_does_to_the_table_what_its_function_needs_and_no_more(role: str) -> None:
    used = {action for action in _actions_by_role()[role] if action.startswith("dynamodb:")}
    assert used == {f"dynamodb:{action}" for action in TABLE_ACTIONS[role]}


@pytest.mark.parametrize(
    ("policy", "condition", "roles"),
    [
        ("QueryPolicy", "HasWorkspace", {"EvaluateRole"}),
        ("SendMailPolicy", "HasEmailFrom", {"NotifyEmailRole"}),
        ("SandboxMailPolicy", "HasEmailSandbox", {"NotifyEmailRole"}),
        ("ApiTokensPolicy", "TakesTokens", {"ApiRole"}),
        ("ReadEmailSecretPolicy", "HasEmailSecret", {"NotifyEmailRole"}),
        ("ReadWebhookSecretPolicy", "HasWebhookSecret", {"NotifyWebhookRole"}),
        ("ReadHeartbeatSecretPolicy", "HasHeartbeatSecret", {"EvaluateRole", "NotifyWebhookRole"}),
        (
            "ReadLinksSecretPolicy",
            "HasLinksSecret",
            {"ApiRole", "NotifyEmailRole", "NotifySlackRole", "NotifyWebhookRole"},
        ),
        ("PublishElsewherePolicy", "HasSnsTargets", {"NotifyWebhookRole"}),
        ("AssumeSnsRolesPolicy", "HasSnsRoles", {"NotifyWebhookRole"}),
        (
            "ConfigPolicy",
            "HasConfigBucket",
            {f"{name.removesuffix('Function')}Role" for name in FUNCTIONS},
        ),
        ("KeyPolicy", "HasKey", {f"{name.removesuffix('Function')}Role" for name in FUNCTIONS}),
        ("OtherKeysPolicy", "HasOtherKeys", {f"{name.removesuffix('Function')}Role" for name in FUNCTIONS}),
    ],
)
def test_what_a_parameter_asks_for_is_granted_only_then(policy: str, condition: str, roles: set[str]) -> None:
    resource = _plain(RESOURCES[policy])
    assert resource["Condition"] == condition
    assert {role["Ref"] for role in resource["Properties"]["Roles"]} == roles


def test_exactly_the_roles_of_the_parameter_are_assumed() -> None:
    (statement,) = (
        statement for holder, statement in _statements() if "sts:AssumeRole" in _as_list(statement["Action"])
    )
    assert statement["Action"] == "sts:AssumeRole"
    assert statement["Resource"] == {"Ref": "SnsRoleArns"}


def test_keys_of_what_exists_already_are_used_to_read_and_to_publish_and_no_others() -> None:
    (statement,) = (statement for holder, statement in _statements() if holder == "OtherKeysPolicy")
    assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert statement["Resource"] == {"Ref": "OtherKmsKeyArns"}


def test_mail_is_sent_only_as_the_sender() -> None:
    mail = {holder: s for holder, s in _statements() if any(a.startswith("ses:") for a in _as_list(s["Action"]))}
    assert set(mail) == {"SendMailPolicy", "SandboxMailPolicy"}
    for statement in mail.values():
        assert statement["Action"] == "ses:SendEmail"
        assert statement["Condition"] == {"StringEquals": {"ses:FromAddress": {"Ref": "EmailFrom"}}}
    sets = [each["Fn::Sub"] for each in mail["SendMailPolicy"]["Resource"] if "configuration-set" in str(each)]
    assert sets == ["arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:configuration-set/*"]


def test_an_alarm_names_as_many_attempts_as_there_are() -> None:
    words = {3: "three", 4: "four", 5: "five", 6: "six"}
    said = _of_type("AWS::CloudWatch::Alarm")["ActionDeadLettersAlarm"]["AlarmDescription"]
    assert f"after {words[clicks.TRIES]} attempts" in said


# What asks here has a signature of its own, which the function looks at before anything else.
OPEN_PATHS = {"/act", "/slack/commands", "/slack/interactions", "/pagerduty/webhook"}


def test_the_api_answers_only_signed_requests() -> None:
    api = _of_type("AWS::ApiGatewayV2::Api")["HttpApi"]
    assert set(api["Body"]["paths"]) == {"/", "/{proxy+}", *OPEN_PATHS}
    for path, methods in api["Body"]["paths"].items():
        for method in methods.values():
            assert method["security"] == [{"NONE" if path in OPEN_PATHS else "AWS_IAM": []}]
            assert method["x-amazon-apigateway-integration"]["payloadFormatVersion"] == "2.0"


# -------------------------------------------------------------------------------- state and encryption


def test_the_table_is_on_demand_forgets_and_can_be_restored() -> None:
    table = _of_type("AWS::DynamoDB::Table")["Table"]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"]["SSEEnabled"] is True
    assert table["DeletionProtectionEnabled"] == {"Fn::If": ["IsProduction", True, False]}


def test_the_index_of_overdue_groups_holds_keys_only() -> None:
    table = _of_type("AWS::DynamoDB::Table")["Table"]
    (index,) = table["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "due"
    assert [(key["AttributeName"], key["KeyType"]) for key in index["KeySchema"]] == [
        ("due_shard", "HASH"),
        ("due_at", "RANGE"),
    ]
    assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}
    types = {a["AttributeName"]: a["AttributeType"] for a in table["AttributeDefinitions"]}
    assert types == {"pk": "S", "sk": "S", "due_shard": "S", "due_at": "N"}


@pytest.mark.parametrize("queue", sorted(_of_type("AWS::SQS::Queue")))
def test_each_queue_is_encrypted_with_or_without_a_key(queue: str) -> None:
    properties = _of_type("AWS::SQS::Queue")[queue]
    assert properties["SqsManagedSseEnabled"] == {"Fn::If": ["HasKey", {"Ref": "AWS::NoValue"}, True]}
    assert properties["KmsMasterKeyId"] == {"Fn::If": ["HasKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]}


def test_the_alerts_topic_is_encrypted_with_or_without_a_key() -> None:
    topic = _of_type("AWS::SNS::Topic")["AlertsTopic"]
    assert topic["KmsMasterKeyId"] == {"Fn::If": ["HasKey", {"Ref": "KmsKeyArn"}, "alias/aws/sns"]}


def test_cloudwatch_can_publish_to_the_operations_topic_whatever_the_key() -> None:
    # Under alias/aws/sns, whose policy nobody can change, every alarm would be lost without a word.
    topic = _of_type("AWS::SNS::Topic")["OperationsTopic"]
    assert topic["KmsMasterKeyId"] == {"Fn::If": ["HasKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]}


def test_the_api_for_others_is_there_only_where_it_is_asked_for() -> None:
    parts = {name: r for name, r in RESOURCES.items() if name.startswith("ClientApi")}
    assert {r["Condition"] for name, r in parts.items() if name != "ClientApiAuthorizer"} == {"HasClientApi"}
    assert parts["ClientApiAuthorizer"]["Condition"] == "TakesJwts"
    assert TEMPLATE["Parameters"]["ApiAuth"]["Default"] == "iam"


def test_a_jwt_is_looked_at_by_the_gateway_and_a_token_by_the_function() -> None:
    route = _of_type("AWS::ApiGatewayV2::Route")["ClientApiRoute"]
    assert route["AuthorizationType"] == {"Fn::If": ["TakesJwts", "JWT", "NONE"]}
    assert route["AuthorizerId"]["Fn::If"][1] == {"Ref": "ClientApiAuthorizer"}


@pytest.mark.parametrize("name", sorted(_of_type("AWS::ApiGatewayV2::Stage")))
def test_each_api_is_throttled_and_its_log_has_no_header(name: str) -> None:
    stage = _of_type("AWS::ApiGatewayV2::Stage")[name]
    throttled = stage["DefaultRouteSettings"]
    assert throttled["ThrottlingRateLimit"] <= throttled["ThrottlingBurstLimit"] <= 100
    assert "header" not in stage["AccessLogSettings"]["Format"].lower()


def test_a_flood_where_anybody_may_knock_leaves_room_for_who_is_known() -> None:
    paths = _of_type("AWS::ApiGatewayV2::Api")["HttpApi"]["Body"]["paths"]
    methods = {"x-amazon-apigateway-any-method": "ANY"}
    doors = {
        f"{methods.get(method, method.upper())} {path}"
        for path, each in paths.items()
        for method, asked in each.items()
        if asked["security"] == [{"NONE": []}]
    }
    (stage,) = (each for name, each in _of_type("AWS::ApiGatewayV2::Stage").items() if not name.startswith("Client"))
    assert stage["RouteSettings"].keys() == doors
    limits = stage["RouteSettings"].values()
    assert sum(each["ThrottlingRateLimit"] for each in limits) < stage["DefaultRouteSettings"]["ThrottlingRateLimit"]
    assert all(each["ThrottlingBurstLimit"] < stage["DefaultRouteSettings"]["ThrottlingBurstLimit"] for each in limits)


def test_only_the_topic_that_is_named_may_call_the_function() -> None:
    permission = _plain(RESOURCES["AmpPermission"])
    assert permission["Condition"] == _plain(RESOURCES["AmpSubscription"])["Condition"] == "HasAmpTopic"
    assert permission["Properties"]["SourceArn"] == {"Ref": "AmpTopicArn"}


@pytest.mark.parametrize("name", ["SlackSecret", "PagerdutySecret", "ApiTokensSecret"])
def test_a_secret_is_created_empty_and_only_where_none_is_given(name: str) -> None:
    resource = _plain(RESOURCES[name])
    assert resource["Condition"] == f"Creates{name}"
    assert resource["Properties"]["SecretString"] == "{}"


# ---------------------------------------------------------------------------------------------- alarms


def _metrics(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    if "Metrics" in alarm:
        return [entry["MetricStat"]["Metric"] for entry in alarm["Metrics"] if "MetricStat" in entry]
    return [alarm]


def _text(value: Any) -> str:
    return value["Fn::Sub"] if isinstance(value, dict) else value


def test_every_alarm_is_listed() -> None:
    assert set(_of_type("AWS::CloudWatch::Alarm")) == set(ALARMS)


@pytest.mark.parametrize(("name", "metrics", "missing"), [(name, *rest) for name, rest in ALARMS.items()])
def test_each_alarm_watches_and_tells(name: str, metrics: set[tuple[str, str]], missing: str) -> None:
    alarm = _of_type("AWS::CloudWatch::Alarm")[name]
    assert {(_text(metric["Namespace"]), metric["MetricName"]) for metric in _metrics(alarm)} == metrics
    assert alarm["TreatMissingData"] == missing
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "OperationsTopic"}]
    assert len(alarm["AlarmDescription"]) > 20


def test_five_silent_minutes_are_an_alarm() -> None:
    alarm = _of_type("AWS::CloudWatch::Alarm")["TickMissingAlarm"]
    assert alarm["Period"] * alarm["EvaluationPeriods"] == 300
    assert alarm["DatapointsToAlarm"] == alarm["EvaluationPeriods"]
    assert (alarm["Statistic"], alarm["ComparisonOperator"], alarm["Threshold"]) == ("Sum", "LessThanThreshold", 1)


def test_every_dead_letter_queue_has_an_alarm() -> None:
    watched = {
        dimension["Value"]["Fn::GetAtt"][0]
        for alarm in _of_type("AWS::CloudWatch::Alarm").values()
        for dimension in alarm.get("Dimensions", [])
        if alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible"
    }
    assert watched == {name for name in _of_type("AWS::SQS::Queue") if name.endswith("DeadLetterQueue")}


def test_our_own_metrics_are_looked_for_where_the_functions_put_them() -> None:
    services = {
        function["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
        for function in _of_type("AWS::Lambda::Function").values()
    }
    for alarm in _of_type("AWS::CloudWatch::Alarm").values():
        for metric in _metrics(alarm):
            if metric["Namespace"] == {"Fn::Sub": NAMESPACE}:
                ((name, value),) = ((d["Name"], d["Value"]) for d in metric["Dimensions"])
                assert name == "service"
                assert value in services


def test_what_is_not_essential_is_there_only_where_it_is_asked_for() -> None:
    found = {
        name: RESOURCES[name]["Condition"]
        for name, resource in RESOURCES.items()
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "Condition" in resource
    }
    assert found == CONDITIONAL_ALARMS
    alarms = _of_type("AWS::CloudWatch::Alarm")
    paid = {name: len(_metrics(alarm)) for name, alarm in alarms.items()}
    essential = sum(count for name, count in paid.items() if CONDITIONAL_ALARMS.get(name) != "HasAllAlarms")
    told = f"{essential} with `Alarms=essential`, {sum(paid.values())} with `Alarms=all`"
    assert told in (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert TEMPLATE["Parameters"]["Alarms"]["Default"] == "essential"


def test_what_rings_when_nothing_is_told_does_not_depend_on_our_own_code_alone() -> None:
    """Of each part of the way, an essential alarm looks at a metric of AWS itself."""
    alarms = {
        name: alarm for name, alarm in _of_type("AWS::CloudWatch::Alarm").items() if name not in CONDITIONAL_ALARMS
    }
    theirs = {
        (namespace, metric["MetricName"])
        for alarm in alarms.values()
        for metric in _metrics(alarm)
        if (namespace := _text(metric["Namespace"])).startswith("AWS/")
    }
    assert theirs >= {
        ("AWS/Lambda", "Invocations"),
        ("AWS/Lambda", "Errors"),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        ("AWS/States", "ExecutionsFailed"),
        ("AWS/States", "ExecutionsTimedOut"),
    }


def test_three_watchdogs_that_do_not_arrive_are_an_alarm() -> None:
    alarm = _of_type("AWS::CloudWatch::Alarm")["WatchdogMissingAlarm"]
    assert alarm["Period"] == WATCHDOG_EVERY.total_seconds()
    assert alarm["EvaluationPeriods"] == alarm["DatapointsToAlarm"] == 3
    assert (alarm["Statistic"], alarm["ComparisonOperator"], alarm["Threshold"]) == ("Sum", "LessThanThreshold", 1)


def test_near_its_timeout_is_near_the_timeout_that_the_function_has() -> None:
    (total, *_) = _of_type("AWS::CloudWatch::Alarm")["NearTimeoutAlarm"]["Metrics"]
    functions = _of_type("AWS::Lambda::Function")
    milliseconds = {
        name: functions[f"{name.capitalize()}Function"]["Timeout"] * 1000 for name in ("evaluate", "dispatch")
    }
    assert dict(re.findall(r"FILL\((\w+), 0\) / (\d+)", total["Expression"])) == {
        name: str(value) for name, value in milliseconds.items()
    }


def test_every_metric_of_an_expression_is_in_it() -> None:
    for name, alarm in _of_type("AWS::CloudWatch::Alarm").items():
        (expression,) = [each["Expression"] for each in alarm.get("Metrics", []) if "Expression" in each] or [""]
        ids = [each["Id"] for each in alarm.get("Metrics", []) if "MetricStat" in each]
        assert sorted(re.findall(r"FILL\((\w+), 0\)", expression)) == sorted(ids), name


def test_the_schedules_metrics_are_this_schedules() -> None:
    (schedule,) = _of_type("AWS::Scheduler::Schedule").values()
    assert schedule["GroupName"] == {"Ref": "EvaluateScheduleGroup"}
    for metric in _metrics(_of_type("AWS::CloudWatch::Alarm")["ScheduleFailingAlarm"]):
        assert metric["Dimensions"] == [{"Name": "ScheduleGroup", "Value": {"Ref": "EvaluateScheduleGroup"}}]


# ------------------------------------------------------------------------------------------- dashboard


def _dashboard() -> dict[str, Any]:
    """The dashboard's body with all alarms, as CloudWatch would get it but for the names of resources."""
    (dashboard,) = _of_type("AWS::CloudWatch::Dashboard").values()
    text, variables = dashboard["DashboardBody"]["Fn::Sub"]
    for name, value in variables.items():
        (_, shown, otherwise) = value["Fn::If"]
        assert otherwise == ""
        text = text.replace(f"${{{name}}}", shown["Fn::Sub"])
    body: dict[str, Any] = json.loads(text)
    return body


def _shown() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Each metric of the dashboard: namespace, name and dimensions, with what CloudWatch's dots repeat written out."""
    for widget in _dashboard()["widgets"]:
        before: list[str] = []
        for row in widget["properties"].get("metrics", []):
            parts = [part for part in row if isinstance(part, str)]
            if parts[0] == "...":
                parts = [*before[: len(before) - len(parts) + 1], *parts[1:]]
            before = [old if part == "." else part for part, old in zip(parts, before or parts, strict=True)]
            namespace, name, *pairs = before
            yield namespace, name, dict(zip(pairs[::2], pairs[1::2], strict=True))


# What AWS itself counts, under which dimension.
OF_AWS = {
    "AWS/Lambda": ({"Invocations", "Errors", "Duration", "Throttles"}, "FunctionName"),
    "AWS/SQS": ({"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"}, "QueueName"),
    "AWS/SNS": ({"NumberOfNotificationsFailed", "NumberOfNotificationsFailedToRedriveToDlq"}, "TopicName"),
    "AWS/States": (
        {"ExecutionsStarted", "ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"},
        "StateMachineArn",
    ),
    "AWS/DynamoDB": (
        {
            "ConsumedReadCapacityUnits",
            "ConsumedWriteCapacityUnits",
            "ReadThrottleEvents",
            "WriteThrottleEvents",
            "SystemErrors",
        },
        "TableName",
    ),
    "AWS/ApiGateway": ({"Count", "4xx", "5xx"}, "ApiId"),
    "AWS/Scheduler": ({"InvocationDroppedCount", "TargetErrorCount"}, "ScheduleGroup"),
}


def test_the_dashboard_shows_every_alarm() -> None:
    (alarms,) = (widget["properties"]["alarms"] for widget in _dashboard()["widgets"] if widget["type"] == "alarm")
    assert sorted(alarms) == sorted(f"${{{name}.Arn}}" for name in ALARMS)


def test_the_dashboard_shows_only_metrics_that_there_are() -> None:
    services = set(FUNCTIONS.values())
    for namespace, name, dimensions in _shown():
        if namespace == NAMESPACE:
            assert name in counted()
            assert list(dimensions) == ["service"]
            assert dimensions["service"] in services
        else:
            names, dimension = OF_AWS[namespace]
            assert name in names
            assert list(dimensions) == [dimension]
            assert re.findall(r"\$\{(\w+)", dimensions[dimension])[0] in RESOURCES


def test_alarms_look_only_at_metrics_of_aws_that_there_are() -> None:
    for alarm in _of_type("AWS::CloudWatch::Alarm").values():
        for metric in _metrics(alarm):
            if not isinstance(metric["Namespace"], dict):
                names, dimension = OF_AWS[metric["Namespace"]]
                assert metric["MetricName"] in names
                named = [each["Name"] for each in metric.get("Dimensions", [])]
                # Throttles of the whole account have none; errors of DynamoDB are counted by operation only.
                assert named in ([dimension], [], [dimension, "Operation"])


def test_the_dashboard_is_free_of_charge() -> None:
    assert len(list(_shown())) <= MOST_SHOWN_METRICS


def test_the_dashboards_red_lines_are_where_alarms_ring() -> None:
    alarms = _of_type("AWS::CloudWatch::Alarm")
    drawn = {}
    for widget in _dashboard()["widgets"]:
        for line in widget["properties"].get("annotations", {}).get("horizontal", []):
            for name in line["label"].partition(":")[0].split(", "):
                drawn[line["label"]] = line["value"]
                if name not in ("NearTimeout", "DeadLetters"):
                    assert line["value"] == alarms[f"{name}Alarm"]["Threshold"], name
    share = alarms["NearTimeoutAlarm"]["Threshold"]
    functions = _of_type("AWS::Lambda::Function")
    for name in ("evaluate", "dispatch"):
        timeout = functions[f"{name.capitalize()}Function"]["Timeout"]
        assert drawn[f"NearTimeout: {name}"] == pytest.approx(share * timeout * 1000)


def test_every_widget_says_what_it_shows_and_none_lies_on_another() -> None:
    taken: set[tuple[int, int]] = set()
    for widget in _dashboard()["widgets"]:
        assert widget["properties"].get("title") or widget["type"] == "text"
        left, top = widget["x"], widget["y"]
        squares = {(left + x, top + y) for x in range(widget["width"]) for y in range(widget["height"])}
        assert not squares & taken
        assert max(x for x, _ in squares) < 24
        taken |= squares


# --------------------------------------------------------------------------------------------- outputs


def test_outputs_name_what_a_person_or_the_command_line_needs() -> None:
    outputs = set(EXPANDED["Outputs"])
    assert outputs >= {f"{name}Name" for name in FUNCTIONS}
    assert outputs >= {
        "TableName",
        "AlertsTopicArn",
        "OperationsTopicArn",
        "StateMachineArn",
        "ApiUrl",
        "TimerQueueUrl",
    }
    assert all(output["Description"] for output in EXPANDED["Outputs"].values())


def test_expanding_leaves_the_source_alone() -> None:
    before = copy.deepcopy(EXPANDED)
    assert _plain(expand(ROOT / "template.yaml")) == _plain(before)
