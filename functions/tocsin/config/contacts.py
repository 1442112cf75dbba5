"""The ways of users as receivers: what alertmanager.yml would say to reach one person by one method.

Their blocks are completed by `global` as those in alertmanager.yml are: the mail server, proxies, services' addresses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..core.receivers import Integration, Receiver
from ..core.users import Method, User, contact_name
from .documents import Scalar
from .global_settings import Global
from .integrations import INTEGRATIONS

_BLOCKS = {
    Method.SLACK: INTEGRATIONS["slack_configs"],
    Method.SMS: INTEGRATIONS["sns_configs"],
    Method.EMAIL: INTEGRATIONS["email_configs"],
    Method.PAGERDUTY: INTEGRATIONS["pagerduty_configs"],
}


@dataclass(frozen=True, slots=True)
class Ways:
    """What all users' ways have in common; without `globals_` nothing is said of what is missing in them."""

    globals_: Global | None
    bot_token: str = ""

    def receiver(self, user: User, method: Method) -> tuple[Receiver, str]:
        """Return the receiver that a method of a user is, and what is missing for it to work, if anything."""
        name = contact_name(user.name, method)
        block = _BLOCKS[method].model_validate(self._settings(user, method))
        settings, missing = block.completed(self.globals_ or Global())
        if method is Method.SLACK and not any(settings.get(key) for key in ("app_token", "app_token_file")):
            missing = ("slack.bot_token is missing: a person is told by the app, not by a webhook",)
        said = missing[0] if missing and self.globals_ is not None else ""
        integration = Integration(name, block.kind, 0, block.send_resolved, settings)
        return Receiver(name, (integration,), {"name": name}), said

    def _settings(self, user: User, method: Method) -> dict[str, Any]:
        address = user.address(method)
        if method is Method.SLACK:
            token = {"app_token_file": self.bot_token} if self.bot_token else {}
            return {"channel": address, "send_resolved": Scalar("true"), **token}
        if method is Method.SMS:
            # It says when somebody is needed, and costs money: that it is over, mail and chats say.
            return {"phone_number": address, "send_resolved": Scalar("false")}
        if method is Method.EMAIL:
            return {"to": address, "send_resolved": Scalar("true")}
        return {"routing_key_file": address}
