"""exchangelib against the sandbox's calendars: entries that come, move, recur and go, meetings, free and busy."""
import datetime
import os
import zoneinfo

from exchangelib import (
    BASIC, DELEGATE, UTC, Account, Attendee, CalendarItem, Configuration, Credentials, EWSDate, EWSDateTime, EWSTimeZone,
    ExtendedProperty,
)
from exchangelib.errors import (
    ErrorCalendarIsOrganizerForAccept, ErrorIrresolvableConflict, ErrorItemNotFound,
)
from exchangelib.items import MeetingCancellation, MeetingRequest, MeetingResponse
from exchangelib.properties import CreatedEvent, DeletedEvent, ModifiedEvent
from exchangelib.recurrence import DailyPattern, Recurrence, WeeklyPattern

import trust  # noqa: F401

endpoint = f"https://localhost:{os.environ['HTTPS_PORT']}/EWS/Exchange.asmx"

class Token(ExtendedProperty):
    distinguished_property_set_id = "PublicStrings"
    property_name = "X-Own"
    property_type = "String"


CalendarItem.register("token", Token)


def account(name):
    config = Configuration(
        service_endpoint=endpoint, credentials=Credentials(name, os.environ["PASSWORD"]), auth_type=BASIC)
    return Account(f"{name}@sandbox.test", config=config, access_type=DELEGATE, default_timezone=UTC)


def refused(error, what):
    try:
        what()
    except error:
        return
    raise SystemExit(f"no {error.__name__}")


alice, bob = account("alice"), account("bob")
lisbon, new_york = EWSTimeZone("Europe/Lisbon"), EWSTimeZone("America/New_York")
hour, day = datetime.timedelta(hours=1), datetime.timedelta(days=1)


def told(of, start, end):
    """Subject and start in UTC of what takes place."""
    return [
        (item.subject, item.start.astimezone(UTC).strftime("%m-%d %H:%M") if isinstance(item.start, datetime.datetime) else str(item.start))
        for item in of.calendar.view(start=start, end=end)
    ]


def autumn(of):
    return told(of, EWSDateTime(2026, 10, 1, tzinfo=UTC), EWSDateTime(2026, 12, 1, tzinfo=UTC))


# Created, moved, renamed by two at once, deleted; told by notifications and by syncing.
assert alice.calendar.total_count == 0 and list(alice.calendar.sync_items()) == []
state = alice.calendar.item_sync_state
subscription, watermark = alice.calendar.subscribe_to_pull()
start = EWSDateTime(2026, 10, 24, 9, tzinfo=lisbon)
item = CalendarItem(
    account=alice, folder=alice.calendar, subject="one <&>", body="text", location="here", start=start, end=start + hour,
    sensitivity="Private", legacy_free_busy_status="Free", reminder_is_set=False, categories=["a", "b"], token="7",
)
item.save()
got = alice.calendar.get(subject="one <&>")
assert (got.start, got.end, got.location, got.text_body) == (start, start + hour, "here", "text"), got
assert (got.sensitivity, got.legacy_free_busy_status, got.reminder_is_set) == ("Private", "Free", False), got
assert got.token == "7" and got.categories == ["a", "b"] and got.type == "Single" and not got.is_meeting
assert len(got.uid) == 112 and got.uid.startswith("040000008200E00074C5B7101A82E008"), got.uid
assert got._start_timezone.ms_id == "GMT Standard Time", got._start_timezone
assert autumn(alice) == [("one <&>", "10-24 08:00")]
events = [event for notice in alice.calendar.get_events(subscription, watermark) for event in notice.events]
assert [type(event) for event in events] == [CreatedEvent], events
old = alice.calendar.get(subject="one <&>")
# The clocks change in between: it is the time of the day that stays.
got.start, got.end, got.location = start + day + hour / 2, start + day + hour * 3 / 2, "there"
got.save(update_fields=["start", "end", "location"])
assert autumn(alice) == [("one <&>", "10-25 09:30")], autumn(alice)
old.subject = "lost"
refused(ErrorIrresolvableConflict, lambda: old.save(update_fields=["subject"], conflict_resolution="NeverOverwrite"))
events = [event for notice in alice.calendar.get_events(subscription, events[-1].watermark) for event in notice.events]
assert [type(event) for event in events] == [ModifiedEvent], events
changes = list(alice.calendar.sync_items(sync_state=state, only_fields=["subject", "start"]))
assert [kind for kind, _ in changes] == ["create"] and changes[0][1].subject == "one <&>", changes
state = alice.calendar.item_sync_state
got.location = None
got.save(update_fields=["location"])
changes = list(alice.calendar.sync_items(sync_state=state, only_fields=["subject", "start"]))
assert [kind for kind, _ in changes] == ["update"], changes
state = alice.calendar.item_sync_state
gone = (got.id, got.changekey)
got.delete()
assert isinstance(list(alice.fetch(ids=[gone]))[0], ErrorItemNotFound)
assert [kind for kind, _ in alice.calendar.sync_items(sync_state=state)] == ["delete"]
events = [event for notice in alice.calendar.get_events(subscription, events[-1].watermark) for event in notice.events]
assert DeletedEvent in [type(event) for event in events], events
assert autumn(alice) == []

# Recurring, over the days on which clocks change; one occurrence moved, one taken out.
for zone, first, wanted in [
    (lisbon, (2026, 3, 28), ["03-28 09:00", "03-29 08:00", "03-30 08:00"]),
    (lisbon, (2026, 10, 24), ["10-24 08:00", "10-25 09:00", "10-26 09:00"]),
    (new_york, (2026, 3, 7), ["03-07 14:00", "03-08 13:00", "03-09 13:00"]),
    (new_york, (2026, 10, 31), ["10-31 13:00", "11-01 14:00", "11-02 14:00"]),
]:
    start = EWSDateTime(*first, 9, tzinfo=zone)
    window = (start - day, start + 10 * day)
    series = CalendarItem(
        account=alice, folder=alice.calendar, subject="series", start=start, end=start + hour,
        recurrence=Recurrence(pattern=DailyPattern(interval=1), start=start.date(), number=3),
    )
    series.save()
    assert [begin for _, begin in told(alice, *window)] == wanted, told(alice, *window)
    master = alice.calendar.get(subject="series")
    assert master.type == "RecurringMaster" and master.recurrence.boundary.number == 3, master
    assert master.last_occurrence.start == start + 2 * day
    second = list(alice.calendar.view(*window))[1]
    assert second.type == "Occurrence" and second.recurring_master() is not None
    second.start, second.end, second.subject = second.start + 2 * hour, second.end + 2 * hour, "moved"
    second.save(update_fields=["start", "end", "subject"])
    assert [subject for subject, _ in told(alice, *window)] == ["series", "moved", "series"]
    third = master.occurrence(index=3)
    third.refresh()
    assert third.start == start + 2 * day
    third.delete()
    assert [subject for subject, _ in told(alice, *window)] == ["series", "moved"]
    master.refresh()
    assert len(master.modified_occurrences) == len(master.deleted_occurrences) == 1
    master.delete()
    assert told(alice, *window) == []
start = EWSDateTime(2026, 10, 19, 9, tzinfo=lisbon)
CalendarItem(
    account=alice, folder=alice.calendar, subject="weekly", start=start, end=start + hour,
    recurrence=Recurrence(
        pattern=WeeklyPattern(interval=1, weekdays=["Monday", "Wednesday"]), start=start.date(), end=EWSDate(2026, 10, 28)),
).save()
assert [begin for _, begin in autumn(alice)] == ["10-19 08:00", "10-21 08:00", "10-26 09:00", "10-28 09:00"], autumn(alice)
weekly = alice.calendar.get(subject="weekly")
assert str(weekly.recurrence.boundary.end).startswith("2026-10-28"), weekly.recurrence
weekly.delete()

# All day.
CalendarItem(
    account=alice, folder=alice.calendar, subject="days", start=EWSDate(2026, 10, 24), end=EWSDate(2026, 10, 25), is_all_day=True,
).save()
days = alice.calendar.get(subject="days")
assert (days.start, days.end, days.is_all_day) == (EWSDate(2026, 10, 24), EWSDate(2026, 10, 25), True), days
days.delete()

# A meeting: invited, tentative, accepted, moved, called off.
start = EWSDateTime(2026, 11, 10, 10, tzinfo=UTC)
meeting = CalendarItem(
    account=alice, folder=alice.calendar, subject="meeting", start=start, end=start + hour, location="here",
    required_attendees=["bob@sandbox.test"], token="8",
)
meeting.save(send_meeting_invitations="SendToAllAndSaveCopy")
[request] = bob.inbox.all()
assert isinstance(request, MeetingRequest) and request.item_class == "IPM.Schedule.Meeting.Request", request
assert request.subject == "meeting" and request.start == start and request.organizer.email_address == "alice@sandbox.test"
assert alice.sent.all().count() == 1


def availability(of, who):
    [view] = of.protocol.get_free_busy_info(
        accounts=[(f"{who}@sandbox.test", "Required", False)], start=start, end=start + 2 * hour,
        merged_free_busy_interval=30, requested_view="DetailedMerged",
    )
    return view.merged, [(event.busy_type, event.start) for event in view.calendar_events or []]


[entry] = bob.calendar.all()
assert (entry.my_response_type, entry.legacy_free_busy_status) == ("NoResponseReceived", "Tentative"), entry
assert entry.uid == alice.calendar.get(subject="meeting").uid and entry.token == "8" and entry.is_meeting
assert request.associated_calendar_item_id.id == entry.id
assert availability(alice, "bob") == ("1100", [("Tentative", start)]), availability(alice, "bob")
assert availability(bob, "alice") == ("2200", [("Busy", start)])
refused(ErrorCalendarIsOrganizerForAccept, lambda: alice.calendar.get(subject="meeting").accept())
request.accept()
assert bob.inbox.all().count() == 0 and bob.trash.all().count() == 1 and bob.sent.all().count() == 1
[entry] = bob.calendar.all()
assert (entry.my_response_type, entry.legacy_free_busy_status) == ("Accept", "Busy"), entry
[reply] = alice.inbox.all()
assert isinstance(reply, MeetingResponse) and reply.subject == "Accepted: meeting" and reply.response_type == "Accept", reply
organized = alice.calendar.get(subject="meeting")
assert [(a.mailbox.email_address, a.response_type) for a in organized.required_attendees] == [("bob@sandbox.test", "Accept")]
assert organized.my_response_type == "Organizer"
assert availability(alice, "bob")[0] == "2200"
organized.start, organized.end = start + hour / 2, start + hour * 3 / 2
organized.save(update_fields=["start", "end"], send_meeting_invitations="SendToAllAndSaveCopy")
[entry] = bob.calendar.all()
assert entry.start == start + hour / 2 and entry.my_response_type == "NoResponseReceived", entry
[request] = bob.inbox.all()
assert request.meeting_request_type == "FullUpdate"
assert availability(alice, "bob") == ("0110", [("Tentative", start + hour / 2)])
entry.tentatively_accept()
assert alice.calendar.get(subject="meeting").required_attendees[0].response_type == "Tentative"
request.delete()
alice.calendar.get(subject="meeting").cancel()
[cancellation] = bob.inbox.all()
assert isinstance(cancellation, MeetingCancellation) and cancellation.subject == "Canceled: meeting", cancellation
[entry] = bob.calendar.all()
assert entry.is_cancelled and entry.subject == "Canceled: meeting" and alice.calendar.all().count() == 0
assert availability(alice, "bob")[0] == "0000"
entry.delete()
assert bob.calendar.all().count() == 0

# Declined: it is gone there, and the organizer knows.
meeting = CalendarItem(
    account=alice, folder=alice.calendar, subject="declined", start=start, end=start + hour,
    required_attendees=["bob@sandbox.test"], optional_attendees=["zed@sandbox.test"],
)
meeting.save(send_meeting_invitations="SendOnlyToAll")
bob.inbox.get(subject="declined").decline()
assert bob.calendar.all().count() == 0
meeting = alice.calendar.get(subject="declined")
assert meeting.required_attendees[0].response_type == "Decline" and len(meeting.optional_attendees) == 1
meeting.move_to_trash()
assert alice.calendar.all().count() == 0 and alice.trash.get(subject="declined").start == start

# A series of meetings: one occurrence moved, one taken out; those who are invited see it.
start = EWSDateTime(2026, 10, 24, 9, tzinfo=lisbon)
CalendarItem(
    account=alice, folder=alice.calendar, subject="standing", start=start, end=start + hour,
    recurrence=Recurrence(pattern=DailyPattern(interval=1), start=start.date(), number=3),
    required_attendees=["bob@sandbox.test"],
).save(send_meeting_invitations="SendOnlyToAll")
bob.inbox.get(subject="standing").accept()
assert autumn(bob) == autumn(alice) == [("standing", "10-24 08:00"), ("standing", "10-25 09:00"), ("standing", "10-26 09:00")]
second = list(alice.calendar.view(start=start - day, end=start + 5 * day))[1]
second.start, second.end = second.start + hour, second.end + hour
second.save(update_fields=["start", "end"], send_meeting_invitations="SendOnlyToAll")
assert autumn(bob) == autumn(alice) == [("standing", "10-24 08:00"), ("standing", "10-25 10:00"), ("standing", "10-26 09:00")], autumn(bob)
list(alice.calendar.view(start=start - day, end=start + 5 * day))[2].delete(send_meeting_cancellations="SendOnlyToAll")
assert autumn(bob) == autumn(alice) == [("standing", "10-24 08:00"), ("standing", "10-25 10:00")], autumn(bob)
alice.calendar.get(subject="standing").delete(send_meeting_cancellations="SendOnlyToAll")
assert bob.calendar.get(subject="Canceled: standing").is_cancelled
bob.calendar.all().delete()
assert autumn(alice) == autumn(bob) == []

# In a zone, on the day on which clocks change.
start = EWSDateTime(2026, 10, 25, 9, tzinfo=lisbon)
CalendarItem(account=bob, folder=bob.calendar, subject="zone", start=start, end=start + hour, legacy_free_busy_status="OOF").save()
assert availability(alice, "bob") == ("3300", [("OOF", start)]), availability(alice, "bob")
bob.calendar.all().delete()
print("ok")
