"""The one table: who reads what stands beside its keys, and every write that matters has its condition.

    pk                 sk                           what
    rules              <rule key>[#part]            a rule's alerts, compressed (evaluate)
    group#<id>         head                         the group's record and notification log (dispatch)
                       alert#<fingerprint>          the alert's copy
                       cooldown#<version>           what a flush has told, and when that may be told again
                       outbox#<seq>#<integration>   what is not confirmed yet, escalations to start
    notification#<id>  head[#part]                  a whole frozen notification (the claim check)
    delivery#<id>      <integration>                what it has heard of the group; the claim
                       <integration>#<seq>          one delivery
    incident#<id>      head                         an incident; event#… is its history
    inhibitors         <fingerprint>                a firing alert that can inhibit others
    silences           <id>                         what people want to hear nothing of
    oncall             override#<id>                who takes over from whom for a while
    ingested           <fingerprint>                an alert that was sent to us
    rate#<count>       head                         how often a caller has asked in a minute
    receipt#<hash>     head                         what came from outside and was done, or is being done
    alias#<hash>       head                         what somebody outside calls something of ours
    config             last-good[#part]             the last configuration that was valid

The index `due` holds the groups by when they are to be looked at, and outboxes that wait to be sent.
"""

from .counters import DynamoCounters
from .deliveries import DynamoDeliveries
from .groups import DynamoGroups
from .incidents import DynamoIncidents
from .ingested import DynamoIngested
from .inhibitors import DynamoInhibitors
from .limits import DynamoLimits
from .overrides import DynamoOverrides
from .paces import DynamoPaces
from .receipts import DynamoReceipts
from .rules import DynamoRules
from .silences import DynamoSilences
from .snapshots import DynamoSnapshots
from .table import Table

__all__ = [
    "DynamoCounters",
    "DynamoDeliveries",
    "DynamoGroups",
    "DynamoIncidents",
    "DynamoIngested",
    "DynamoInhibitors",
    "DynamoLimits",
    "DynamoOverrides",
    "DynamoPaces",
    "DynamoReceipts",
    "DynamoRules",
    "DynamoSilences",
    "DynamoSnapshots",
    "Table",
]
