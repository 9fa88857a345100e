"""The text templates of mosquitto.conf and its ACL file."""

from edge.central.broker import certificates
from edge.domain.protocol.record_kinds import Kind
from edge.domain.protocol.topics import site_records

CONFIGURATION = """\
# SmartClocker Edge: one TLS listener, client certificates only.
# Written by the centre; a test holds provisioning/mosquitto/ to what the program writes.
per_listener_settings false

listener {port} {address}
cafile {ca}
certfile {certificate}
keyfile {key}
tls_version tlsv1.2
# Nobody without a certificate of our CA. Its common name is the user of the ACL and the name of the session:
# whatever a client calls itself, it can take nobody else's place.
require_certificate true
use_identity_as_username true
use_username_as_clientid true
# Certificates that count no more, valid as long as the CA; SIGHUP reads it, a restart ends connections that stand.
crlfile {crl}
allow_anonymous false
acl_file {acl}
user {user}

# What this file loses in a power cut the terminals send again: only the ledger's signed receipt releases a record.
persistence {persistence}
persistence_location {state}/
autosave_interval {autosave_s}
autosave_on_changes {on_changes}
# Sessions of terminals that are gone for good must not fill the memory.
persistent_client_expiration 30d

# What the broker keeps for a client that is away, whichever is reached first; what comes beyond is sent again.
max_queued_messages {max_queued}
max_queued_bytes {max_queued_bytes}
max_inflight_messages {max_inflight}
# An envelope is 32 KiB at most. For a reader that takes nothing the broker keeps max_queued_messages that want no
# answer, and counts no bytes of them: this line is what bounds those, at 185 MB a reader.
max_packet_size 36864
max_keepalive 300
# Small answers must not wait for the other side's delayed TCP acknowledgement, 40 ms each.
set_tcp_nodelay true

log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages true
"""

_LEDGER = """\
topic read smartclocker/v1/+/+/record/+
topic read smartclocker/v1/+/+/status
topic write smartclocker/v1/+/+/receipt
topic write smartclocker/v1/+/+/command
"""

ACL_HEAD = "# The common name of the client's certificate is the user.\n"

ACL_LEDGER = f"""\
# The ledger: reads what every terminal says, answers each.
user {certificates.LEDGER}
{_LEDGER}"""

ACL_INSTANCE = f"""\
# Another instance of the ledger, with a certificate and a session of its own.
user {certificates.LEDGER}.{{instance}}
{_LEDGER}"""

ACL_AUTHORITY = f"""\
# The authority: writes orders and each site's roster, and reads that to see what the broker lost.
user {certificates.AUTHORITY}
topic write smartclocker/v1/+/+/command
topic readwrite smartclocker/v1/+/roster/#
"""

ACL_SITE = (
    """\
# Site {site}: a terminal (%u) writes its own records and status, reads its own receipts and commands, nothing else.
# The kinds of record stand here one by one: what a client can make the broker retain is then bounded.
"""
    + "".join(f"pattern write smartclocker/v1/{{site}}/%u/record/{kind}\n" for kind in Kind)
    + """\
pattern write smartclocker/v1/{site}/%u/status
pattern read smartclocker/v1/{site}/%u/receipt
pattern read smartclocker/v1/{site}/%u/command
# The site's roster: signed and encrypted, and the key to it is sealed to each terminal. The last three are for all
# of them; mosquitto remarks at each start that they have no %u. That is meant so.
pattern read smartclocker/v1/{site}/roster/key/%u
pattern read smartclocker/v1/{site}/roster/manifest
pattern read smartclocker/v1/{site}/roster/page/+
pattern read smartclocker/v1/{site}/roster/person/+
"""
)

ACL_TERMINAL = """\
# Terminal {terminal} of site {site} reads what people punched at the site's other doors, and its corrections.
# It stands here by name: a pattern without %u would let the terminals of every site read them.
user {terminal}
""" + "".join(f"topic read {topic}\n" for topic in site_records("{site}"))

ACL_FORMER = ("pattern write smartclocker/v1/{site}/%u/record/+",)
"""Rules that earlier versions wrote for a site and that are removed, because they let a client retain messages
without limit.
"""
