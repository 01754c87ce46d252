"""exchangelib against the sandbox: signing in, sending, finding, syncing, notifications, the directory."""
import datetime
import os

from exchangelib import (
    BASIC, DELEGATE, NTLM, UTC, Account, Configuration, Credentials, EWSDateTime, HTMLBody, Mailbox, Message, Q,
)
from exchangelib.autodiscover import AutodiscoverProtocol
from exchangelib.errors import (
    ErrorItemNotFound, ErrorNonExistentMailbox, ErrorSendAsDenied, ErrorSubscriptionNotFound, UnauthorizedError,
)
from exchangelib.properties import CreatedEvent, NewMailEvent, StatusEvent

import trust  # noqa: F401

port = os.environ["HTTPS_PORT"]
password = os.environ["PASSWORD"]
endpoint = f"https://localhost:{port}/EWS/Exchange.asmx"


def account(name="alice", secret=password, auth=None):
    credentials = Credentials(name, secret)
    config = Configuration(service_endpoint=endpoint, credentials=credentials, auth_type=auth)
    return Account(
        f"{name.split(chr(92))[-1].split('@')[0]}@sandbox.test", config=config, access_type=DELEGATE,
        default_timezone=UTC,
    )


def refused(error, what):
    try:
        what()
    except error:
        return
    raise SystemExit(f"no {error.__name__}")


alice, bob = account(auth=BASIC), account("bob", auth=BASIC)
assert str(alice.version.build) == "15.2.1544.4", alice.version

# Folders.
assert alice.inbox.name == "Inbox" and alice.inbox.total_count == 0
names = {folder.name for folder in alice.msg_folder_root.children}
assert {"Inbox", "Sent Items", "Deleted Items", "Drafts", "Junk Email", "Outbox", "Calendar"} <= names, names
assert alice.sent.name == "Sent Items" and alice.trash.name == "Deleted Items" and alice.junk.name == "Junk Email"

# Sending, kept in Sent Items; notifications meanwhile.
with bob.inbox.streaming_subscription() as subscription:
    Message(
        account=alice, folder=alice.sent, subject="Gr\u00fc\u00dfe <&>", body="one\ntwo \u20ac",
        to_recipients=[Mailbox(name="Bob, B.", email_address="bob@sandbox.test")],
        cc_recipients=["alice@sandbox.test"], bcc_recipients=["bob@sandbox.test"],
    ).send_and_save()
    told = []
    for notification in bob.inbox.get_streaming_events(subscription, connection_timeout=1, max_notifications_returned=1):
        told += notification.events
    kinds = {type(event) for event in told if not isinstance(event, StatusEvent)}
    assert kinds == {NewMailEvent, CreatedEvent}, told
refused(ErrorSubscriptionNotFound, lambda: list(bob.inbox.get_streaming_events(subscription, connection_timeout=1)))

got = bob.inbox.get(subject="Gr\u00fc\u00dfe <&>")
assert told[0].item_id.id == got.id
assert got.text_body.replace("\r\n", "\n") == "one\ntwo \u20ac", got.text_body
assert got.sender.email_address == "alice@sandbox.test" and not got.is_read and not got.is_draft
assert got.to_recipients == [Mailbox(name="Bob, B.", email_address="bob@sandbox.test", mailbox_type="Mailbox", routing_type="SMTP")], got.to_recipients
assert not got.bcc_recipients and b"Bcc" not in got.mime_content
assert any(header.name == "Received" for header in got.headers), got.headers
assert got.message_id.endswith("@localhost>")
assert abs((EWSDateTime.now(UTC) - got.datetime_received).total_seconds()) < 60
assert alice.sent.all().count() == 1 and alice.sent.all()[0].bcc_recipients[0].email_address == "bob@sandbox.test"
assert bob.inbox.unread_count == 0
bob.inbox.refresh()
assert bob.inbox.unread_count == 1 and bob.inbox.total_count == 1

# A message as MIME; HTML; a draft that is sent.
mime = b"Subject: as MIME\nTo: bob@sandbox.test\nX-Own: 7\n\nplain\n"
Message(account=alice, mime_content=mime).send()
Message(account=alice, subject="as HTML", body=HTMLBody("<b>x</b>"), to_recipients=["bob@sandbox.test"]).send()
draft = Message(account=alice, folder=alice.drafts, subject="drafted", body="d", to_recipients=["bob@sandbox.test"])
draft.save()
assert alice.drafts.all()[0].is_draft
draft.send(save_copy=False)
assert alice.drafts.all().count() == 0
refused(ErrorSendAsDenied, lambda: Message(
    account=alice, subject="x", author="bob@sandbox.test", to_recipients=["bob@sandbox.test"]).send())

# Finding.
assert bob.inbox.all().count() == 4
order = [item.subject for item in bob.inbox.all().order_by("-datetime_received").only("subject", "datetime_received")]
assert order == ["drafted", "as HTML", "as MIME", "Gr\u00fc\u00dfe <&>"], order
order = [item.subject for item in bob.inbox.all().order_by("subject").only("subject")]
assert order == ["as HTML", "as MIME", "drafted", "Gr\u00fc\u00dfe <&>"], order
find = lambda *args, **kwargs: {item.subject for item in bob.inbox.filter(*args, **kwargs).only("subject")}
assert find(subject__contains="as ") == {"as HTML", "as MIME"}
assert find(subject__icontains="AS ") == {"as HTML", "as MIME"}
assert find(subject__startswith="draft") == {"drafted"}
assert find(Q(subject="as HTML") | Q(subject="drafted")) == {"as HTML", "drafted"}
assert find(~Q(subject__contains="as ")) == {"drafted", "Gr\u00fc\u00dfe <&>"}
ago = EWSDateTime.now(UTC) - datetime.timedelta(minutes=5)
assert len(find(datetime_received__gte=ago)) == 4 and not find(datetime_received__lt=ago)
assert find(message_id=got.message_id) == {"Gr\u00fc\u00dfe <&>"} and find(is_read=True) == set()
bob.inbox.all().page_size = 2
paged = bob.inbox.all().order_by("subject").only("subject")
paged.page_size = 2
assert len(list(paged)) == 4
assert [item.subject for item in bob.inbox.all().order_by("subject").only("subject")[1:3]] == ["as MIME", "drafted"]
html = bob.inbox.get(subject="as HTML")
assert html.body == HTMLBody("<b>x</b>") and html.text_body == "<b>x</b>", html

# Syncing.
changes = list(bob.inbox.sync_items(only_fields=["subject"]))
assert [change for change, _ in changes] == ["create"] * 4, changes
state = bob.inbox.item_sync_state
assert list(bob.inbox.sync_items(sync_state=state)) == []
got.is_read = True
got.save(update_fields=["is_read"])
bob.inbox.get(subject="as MIME").delete()
Message(account=alice, subject="newer", body="n", to_recipients=["bob@sandbox.test"]).send()
changes = list(bob.inbox.sync_items(sync_state=state, only_fields=["subject"]))
assert {change for change, _ in changes} == {"read_flag_change", "delete", "create"}, changes
assert bob.inbox.item_sync_state != state
folders = list(bob.msg_folder_root.sync_hierarchy())
assert "create" in {change for change, _ in folders}
assert list(bob.msg_folder_root.sync_hierarchy(sync_state=bob.msg_folder_root.folder_sync_state)) == []

# Being asked for notifications, and asking.
subscription, watermark = bob.inbox.subscribe_to_pull(event_types=["NewMailEvent", "ModifiedEvent", "DeletedEvent"])
told = [event for notification in bob.inbox.get_events(subscription, watermark) for event in notification.events]
assert [type(event) for event in told] == [StatusEvent], told
Message(account=alice, subject="pulled", body="p", to_recipients=["bob@sandbox.test"]).send()
told = [event for notification in bob.inbox.get_events(subscription, watermark) for event in notification.events]
assert [type(event) for event in told] == [NewMailEvent], told
bob.inbox.unsubscribe(subscription)

# Moving and deleting.
pulled = bob.inbox.get(subject="pulled")
old = (pulled.id, pulled.changekey)
pulled.move(bob.junk)
assert bob.junk.all().count() == 1 and pulled.id != old[0]
pulled.move_to_trash()
assert bob.junk.all().count() == 0 and bob.trash.all().count() == 1
assert bob.bulk_delete(bob.trash.all(), delete_type="SoftDelete") == [True]
assert bob.trash.all().count() == 0
gone = list(bob.fetch(ids=[old]))
assert isinstance(gone[0], ErrorItemNotFound), gone
got.copy(to_folder=bob.junk)
assert bob.junk.all().count() == 1 and bob.inbox.filter(subject=got.subject).count() == 1

# The directory, free and busy, out of office.
protocol = alice.protocol
assert [mailbox.email_address for mailbox in protocol.resolve_names(["bo"])] == ["bob@sandbox.test"]
contact = protocol.resolve_names(["alice@sandbox.test"], return_full_contact_data=True)[0]
assert contact[0].name == "alice" and contact[1].display_name == "alice", contact
start = EWSDateTime(2026, 11, 23, 8, tzinfo=UTC)
views = list(protocol.get_free_busy_info(
    accounts=[("bob@sandbox.test", "Required", False)], start=start, end=start + datetime.timedelta(hours=4),
    merged_free_busy_interval=30, requested_view="DetailedMerged",
))
assert views[0].merged == "00000000" and views[0].view_type == "DetailedMerged", views
assert alice.oof_settings.state == "Disabled"

# Autodiscover by SOAP.
discovery = AutodiscoverProtocol(config=Configuration(
    service_endpoint=f"https://localhost:{port}/autodiscover/autodiscover.svc",
    credentials=Credentials("alice", password), auth_type=BASIC,
))
found = discovery.get_user_settings(user="alice@sandbox.test", settings=["external_ews_url", "auto_discover_smtp_address", "ews_supported_schemas"])
assert found.ews_url == endpoint and found.autodiscover_smtp_address == "alice@sandbox.test", found
assert found.version is not None
refused(ErrorNonExistentMailbox, lambda: discovery.get_user_settings(user="nobody@sandbox.test", settings=["external_ews_url"]).raise_errors())

# NTLM, with the domain before the name and without; found out by itself.
for name in ("alice", "SANDBOX\\alice", "alice@sandbox.test"):
    assert account(name, auth=NTLM).inbox.name == "Inbox", name
assert account("bob@sandbox.test").protocol.auth_type == NTLM
for auth in (BASIC, NTLM):
    refused(UnauthorizedError, lambda: account("alice", "wrong", auth).inbox.total_count)
print("ok")
