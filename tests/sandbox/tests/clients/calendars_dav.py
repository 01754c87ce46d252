"""caldav against the sandbox: discovery, entries that come, move, recur and go, syncing, scheduling, free and busy."""
import os
import zoneinfo
from datetime import date, datetime, timedelta, timezone

import caldav
from caldav.lib import error

port = os.environ["HTTPS_PORT"]
UTC = timezone.utc


def client(name, path="/.well-known/caldav", secret=os.environ["PASSWORD"]):
    return caldav.DAVClient(
        url=f"https://localhost:{port}{path}", username=name, password=secret, ssl_verify_cert=os.environ["CA_FILE"],
        enable_rfc6764=False, timeout=20,
    )


def refused(kind, what):
    try:
        what()
    except kind:
        return
    raise SystemExit(f"no {kind.__name__}")


def told(found):
    """Subject, and start and end in UTC, of what was found."""
    events = [component for item in found for component in item.icalendar_instance.walk("VEVENT")]

    def utc(value):
        return value.astimezone(UTC).strftime("%m-%d %H:%M") if isinstance(value, datetime) else str(value)

    return sorted((str(event["SUMMARY"]), utc(event["DTSTART"].dt), utc(event["DTEND"].dt)) for event in events)


# Discovery.
alice, bob = client("alice").principal(), client("bob").principal()
assert str(alice.url).endswith("/dav/principals/alice/"), alice.url
assert alice.calendar_user_address_set()[0] == "mailto:alice@sandbox.test", alice.calendar_user_address_set()
refused(error.AuthorizationError, lambda: client("alice", secret="wrong").principal())
assert client("alice").check_scheduling_support() and client("alice").check_cdav_support()
[calendar] = alice.get_calendars()
[other] = bob.get_calendars()
assert calendar.get_display_name() == "Calendar" and calendar.get_supported_components() == ["VEVENT"]
refused(error.AuthorizationError, lambda: alice.client.calendar(url=other.url).get_events())

# Created, moved, changed by two at once, deleted.
lisbon, new_york = zoneinfo.ZoneInfo("Europe/Lisbon"), zoneinfo.ZoneInfo("America/New_York")
synced = calendar.get_objects_by_sync_token(load_objects=True)
assert len(list(synced)) == 0 and synced.sync_token
start = datetime(2026, 10, 24, 9, tzinfo=lisbon)
event = calendar.add_event(
    uid="One-1", summary="One; two, three", location="Room \u00e9", dtstart=start, dtend=start + timedelta(hours=1),
    **{"class": "PRIVATE"},
)
october = {"start": datetime(2026, 10, 1, tzinfo=UTC), "end": datetime(2026, 11, 30, tzinfo=UTC), "event": True}
assert told(calendar.search(**october)) == [("One; two, three", "10-24 08:00", "10-24 09:00")]
assert calendar.search(start=datetime(2026, 10, 24, 9, tzinfo=UTC), end=datetime(2026, 10, 25, tzinfo=UTC), event=True) == []
found = calendar.get_event_by_uid("One-1")
assert str(found.icalendar_component["LOCATION"]) == "Room \u00e9"
mine, theirs = calendar.get_event_by_uid("One-1"), calendar.get_event_by_uid("One-1")
mine.load()
theirs.load()
# The clocks change in between: it is the time of the day that stays.
with mine.edit_icalendar_component() as component:
    component["DTSTART"].dt += timedelta(days=1, minutes=30)
    component["DTEND"].dt += timedelta(days=1, minutes=30)
mine.save()
assert told(calendar.search(**october)) == [("One; two, three", "10-25 09:30", "10-25 10:30")]
with theirs.edit_icalendar_component() as component:
    component["SUMMARY"] = "lost"
refused(error.ETagMismatchError, lambda: theirs.save())
synced.sync()
assert [str(item.url).rsplit("/", 1)[1] for item in synced] == ["One-1.ics"]
mine.delete()
assert calendar.search(**october) == []
refused(error.NotFoundError, lambda: calendar.get_event_by_uid("One-1"))
synced.sync()
assert list(synced) == []

# Recurring, over the days on which clocks change; one occurrence moved, one taken out.
for zone, first, wanted in [
    (lisbon, date(2026, 3, 28), ["03-28 09:00", "03-29 08:00", "03-30 08:00"]),
    (lisbon, date(2026, 10, 24), ["10-24 08:00", "10-25 09:00", "10-26 09:00"]),
    (new_york, date(2026, 3, 7), ["03-07 14:00", "03-08 13:00", "03-09 13:00"]),
    (new_york, date(2026, 10, 31), ["10-31 13:00", "11-01 14:00", "11-02 14:00"]),
]:
    start = datetime(first.year, first.month, first.day, 9, tzinfo=zone)
    series = calendar.add_event(
        uid=f"series-{first}", summary="series", dtstart=start, dtend=start + timedelta(minutes=30),
        rrule={"FREQ": ["DAILY"], "COUNT": [3]},
    )
    year = {"start": datetime(2026, 1, 1, tzinfo=UTC), "end": datetime(2026, 12, 31, tzinfo=UTC), "event": True}
    assert len(calendar.search(**year, expand=False)) == 1
    expanded = calendar.search(**year, expand=True)
    assert [begin for _, begin, _ in told(expanded)] == wanted, told(expanded)
    # The server's own expansion, which the client otherwise does itself.
    expanded = calendar.search(**year, server_expand=True)
    assert [begin for _, begin, _ in told(expanded)] == wanted, told(expanded)
    [second] = calendar.search(
        start=start + timedelta(hours=20), end=start + timedelta(hours=30), event=True, expand=True)
    second.icalendar_component["SUMMARY"] = "moved"
    second.icalendar_component["DTSTART"].dt += timedelta(hours=2)
    second.icalendar_component["DTEND"].dt += timedelta(hours=2)
    second.save(only_this_recurrence=True)
    subjects = [subject for subject, *_ in told(calendar.search(**year, server_expand=True))]
    assert subjects == ["moved", "series", "series"], subjects
    series.load()
    series.icalendar_instance.walk("VEVENT")[0].add("exdate", start + timedelta(days=2))
    series.save()
    subjects = [subject for subject, *_ in told(calendar.search(**year, server_expand=True))]
    assert subjects == ["moved", "series"], subjects
    series.delete()

# All day.
days = calendar.add_event(uid="days", summary="days", dtstart=date(2026, 10, 24), dtend=date(2026, 10, 26))
assert told(calendar.search(**october)) == [("days", "2026-10-24", "2026-10-26")]
assert calendar.search(start=datetime(2026, 10, 26, tzinfo=UTC), end=datetime(2026, 10, 27, tzinfo=UTC), event=True) == []
days.delete()

# Scheduling: invited, accepted, moved, cancelled.
start = datetime(2026, 11, 10, 10, tzinfo=UTC)
meeting = caldav.Event(client=alice.client, parent=calendar, data=f"""BEGIN:VCALENDAR
VERSION:2.0
PRODID:test
BEGIN:VEVENT
UID:meeting-1
DTSTAMP:20261101T000000Z
DTSTART:{start:%Y%m%dT%H%M%SZ}
DTEND:{start + timedelta(hours=1):%Y%m%dT%H%M%SZ}
SUMMARY:meeting
X-OWN:7
END:VEVENT
END:VCALENDAR
""")
calendar.save_with_invites(meeting.icalendar_instance, [alice, "bob@sandbox.test"])


def answers(calendar, uid="meeting-1"):
    attendees = calendar.get_event_by_uid(uid).icalendar_component["ATTENDEE"]
    attendees = attendees if isinstance(attendees, list) else [attendees]
    return {str(attendee).split(":")[-1]: attendee.params.get("PARTSTAT") for attendee in attendees}


[invitation] = bob.schedule_inbox().get_items()
assert invitation.is_invite_request()
assert told(other.search(**october)) == [("meeting", "11-10 10:00", "11-10 11:00")]
assert str(other.get_event_by_uid("meeting-1").icalendar_component["X-OWN"]) == "7"
invitation.accept_invite(other)
assert answers(other)["bob@sandbox.test"] == answers(calendar)["bob@sandbox.test"] == "ACCEPTED", answers(calendar)
[reply] = alice.schedule_inbox().get_items()
assert reply.is_invite_reply()


def busy(principal, who="bob@sandbox.test"):
    found = principal.freebusy_request(start - timedelta(hours=1), start + timedelta(hours=3), [who])
    assert found.pop("errors") == {}, found
    [view] = found.values()
    return [line.partition("FBTYPE=")[2] for line in view.data.splitlines() if line.startswith("FREEBUSY")]


taken = ["BUSY:20261110T100000Z/20261110T110000Z"]
assert busy(alice) == taken, busy(alice)
assert "20261110T100000Z/20261110T110000Z" in other.freebusy_request(start - timedelta(days=1), start + timedelta(days=1)).data
organized = calendar.get_event_by_uid("meeting-1")
organized.load()
with organized.edit_icalendar_component() as component:
    component["DTSTART"].dt += timedelta(minutes=30)
    component["DTEND"].dt += timedelta(minutes=30)
organized.save()
assert told(other.search(**october)) == [("meeting", "11-10 10:30", "11-10 11:30")]
assert answers(other)["bob@sandbox.test"] == answers(calendar)["bob@sandbox.test"] == "NEEDS-ACTION"
assert busy(alice) == ["BUSY-TENTATIVE:20261110T103000Z/20261110T113000Z"], busy(alice)
unknown = alice.freebusy_request(start, start + timedelta(hours=1), ["zed@sandbox.test"])
assert unknown["errors"]["mailto:zed@sandbox.test"].startswith("3.7"), unknown
calendar.get_event_by_uid("meeting-1").delete()
assert str(other.get_event_by_uid("meeting-1").icalendar_component["STATUS"]) == "CANCELLED"
assert busy(alice) == []
other.get_event_by_uid("meeting-1").delete()
assert calendar.get_events() == other.get_events() == []

# Who deletes an invitation declines it.
calendar.save_with_invites(meeting.icalendar_instance, [alice, "bob@sandbox.test"])
other.get_event_by_uid("meeting-1").delete()
assert answers(calendar)["bob@sandbox.test"] == "DECLINED", answers(calendar)
print("ok")
