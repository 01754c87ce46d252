"""exchangelib and caldav over one calendar: each sees what the other wrote, at the same times in UTC."""
import os
import zoneinfo
from datetime import date, datetime, timedelta, timezone

import caldav
from exchangelib import BASIC, DELEGATE, Account, CalendarItem, Configuration, Credentials, EWSDate, EWSDateTime, EWSTimeZone
from exchangelib import UTC as EWS_UTC
from exchangelib.recurrence import DailyPattern, Recurrence

import trust  # noqa: F401

base = f"https://localhost:{os.environ['HTTPS_PORT']}"
password = os.environ["PASSWORD"]
UTC = timezone.utc
hour, day = timedelta(hours=1), timedelta(days=1)


def account(name):
    config = Configuration(
        service_endpoint=f"{base}/EWS/Exchange.asmx", credentials=Credentials(name, password), auth_type=BASIC)
    return Account(f"{name}@sandbox.test", config=config, access_type=DELEGATE, default_timezone=EWS_UTC)


def calendar(name):
    client = caldav.DAVClient(
        url=f"{base}/dav/", username=name, password=password, ssl_verify_cert=os.environ["CA_FILE"], enable_rfc6764=False)
    return client.principal().get_calendars()[0]


ews, dav = account("alice"), calendar("alice")
bob_ews, bob_dav = account("bob"), calendar("bob")
window = (EWSDateTime(2026, 1, 1, tzinfo=EWS_UTC), EWSDateTime(2026, 12, 31, tzinfo=EWS_UTC))


def utc(value):
    if not isinstance(value, datetime):
        return value.strftime("%m-%d")
    return value.astimezone(EWS_UTC if isinstance(value, EWSDateTime) else UTC).strftime("%m-%d %H:%M")


def by_ews(of=ews):
    return [(item.subject, item.location or "", utc(item.start)) for item in of.calendar.view(start=window[0], end=window[1])]


def by_dav(of=dav):
    found = of.search(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 12, 31, tzinfo=UTC), event=True, server_expand=True)
    events = [event for item in found for event in item.icalendar_instance.walk("VEVENT")]
    told = [(str(event["SUMMARY"]), str(event.get("LOCATION", "")), utc(event["DTSTART"].dt)) for event in events]
    return sorted(told, key=lambda entry: entry[2])


def shown(*wanted):
    assert by_ews() == by_dav() == list(wanted), (by_ews(), by_dav())


# What each does, at the ends of summer and its beginnings, the other sees.
for zone, first, wanted in [
    ("Europe/Lisbon", date(2026, 3, 28), ["03-28 09:00", "03-29 08:30", "03-29 08:00", "03-30 10:00"]),
    ("Europe/Lisbon", date(2026, 10, 24), ["10-24 08:00", "10-25 09:30", "10-25 09:00", "10-26 11:00"]),
    ("America/New_York", date(2026, 3, 7), ["03-07 14:00", "03-08 13:30", "03-08 13:00", "03-09 15:00"]),
    ("America/New_York", date(2026, 10, 31), ["10-31 13:00", "11-01 14:30", "11-01 14:00", "11-02 16:00"]),
]:
    start = datetime(first.year, first.month, first.day, 9, tzinfo=zoneinfo.ZoneInfo(zone))
    ews_start = EWSDateTime(first.year, first.month, first.day, 9, tzinfo=EWSTimeZone(zone))
    moved = start + day + hour / 2
    ews_moved = ews_start + day + hour / 2

    # EWS writes.
    item = CalendarItem(account=ews, folder=ews.calendar, subject="by EWS", location="a", start=ews_start, end=ews_start + hour)
    item.save()
    shown(("by EWS", "a", wanted[0]))
    item = ews.calendar.get(subject="by EWS")
    item.start, item.end, item.location = ews_moved, ews_moved + hour, "b"
    item.save(update_fields=["start", "end", "location"])
    shown(("by EWS", "b", wanted[1]))
    # CalDAV changes it, EWS deletes it.
    entry = dav.get_event_by_uid(item.uid)
    with entry.edit_icalendar_component() as component:
        component["LOCATION"] = "c"
        component["DTSTART"].dt -= hour / 2
        component["DTEND"].dt -= hour / 2
    entry.save()
    shown(("by EWS", "c", wanted[2]))
    ews.calendar.get(subject="by EWS").delete()
    shown()

    # CalDAV writes, EWS changes it, CalDAV deletes it.
    entry = dav.add_event(uid=f"dav-{zone[-4:]}-{first}", summary="by CalDAV", location="a", dtstart=start, dtend=start + hour)
    shown(("by CalDAV", "a", wanted[0]))
    item = ews.calendar.get(subject="by CalDAV")
    assert item.uid == f"dav-{zone[-4:]}-{first}"
    item.start, item.end, item.location = ews_moved, ews_moved + hour, "b"
    item.save(update_fields=["start", "end", "location"])
    shown(("by CalDAV", "b", wanted[1]))
    dav.get_event_by_uid(item.uid).delete()
    shown()

    # Series: the second occurrence gone, the third moved, each by the other.
    series = CalendarItem(
        account=ews, folder=ews.calendar, subject="series", start=ews_start, end=ews_start + hour,
        recurrence=Recurrence(pattern=DailyPattern(interval=1), start=ews_start.date(), number=3),
    )
    series.save()
    shown(("series", "", wanted[0]), ("series", "", wanted[2]), ("series", "", utc(start + 2 * day)))
    entry = dav.get_event_by_uid(ews.calendar.get(subject="series").uid)
    entry.load()
    entry.icalendar_instance.walk("VEVENT")[0].add("exdate", start + day)
    entry.save()
    shown(("series", "", wanted[0]), ("series", "", utc(start + 2 * day)))
    last = list(ews.calendar.view(start=window[0], end=window[1]))[1]
    last.start, last.end = last.start + 2 * hour, last.end + 2 * hour
    last.save(update_fields=["start", "end"])
    shown(("series", "", wanted[0]), ("series", "", wanted[3]))
    ews.calendar.get(subject="series").delete()
    shown()

# Days.
CalendarItem(account=ews, folder=ews.calendar, subject="days", start=EWSDate(2026, 10, 25), end=EWSDate(2026, 10, 26), is_all_day=True).save()
shown(("days", "", "10-25"))
ews.calendar.get(subject="days").delete()
dav.add_event(uid="days", summary="days", dtstart=date(2026, 3, 29), dtend=date(2026, 3, 30))
shown(("days", "", "03-29"))
item = ews.calendar.get(subject="days")
assert item.is_all_day and (item.start, item.end) == (EWSDate(2026, 3, 29), EWSDate(2026, 3, 29)), item
item.delete()
shown()

# A client's own UID.
CalendarItem(account=ews, folder=ews.calendar, uid="own-1", subject="own", start=window[0] + day, end=window[0] + day + hour).save()
assert ews.calendar.get(subject="own").uid == "own-1"
dav.get_event_by_uid("own-1").delete()
shown()

# Meetings across: who invites by the one is answered by the other.
start = EWSDateTime(2026, 11, 10, 10, tzinfo=EWS_UTC)
CalendarItem(
    account=ews, folder=ews.calendar, subject="from EWS", start=start, end=start + hour, required_attendees=["bob@sandbox.test"],
).save(send_meeting_invitations="SendToAllAndSaveCopy")
assert by_dav(bob_dav) == [("from EWS", "", "11-10 10:00")], by_dav(bob_dav)
[invitation] = bob_dav.client.principal().schedule_inbox().get_items()
invitation.accept_invite(bob_dav)
meeting = ews.calendar.get(subject="from EWS")
assert meeting.required_attendees[0].response_type == "Accept", meeting
meeting.start, meeting.end = start + hour, start + 2 * hour
meeting.save(update_fields=["start", "end"], send_meeting_invitations="SendOnlyToAll")
assert by_dav(bob_dav) == [("from EWS", "", "11-10 11:00")]
ews.calendar.get(subject="from EWS").cancel()
[entry] = bob_dav.get_events()
assert str(entry.icalendar_component["STATUS"]) == "CANCELLED"
entry.delete()

principal = dav.client.principal()
text = f"""BEGIN:VCALENDAR
VERSION:2.0
PRODID:test
BEGIN:VEVENT
UID:from-dav
DTSTAMP:20260101T000000Z
DTSTART:20261110T100000Z
DTEND:20261110T110000Z
SUMMARY:from CalDAV
END:VEVENT
END:VCALENDAR
"""
dav.save_with_invites(text, [principal, "bob@sandbox.test"])
bob_ews.inbox.get(subject="from CalDAV").accept()
answers = {str(a).lower(): a.params["PARTSTAT"] for a in dav.get_event_by_uid("from-dav").icalendar_component["ATTENDEE"]}
assert answers["mailto:bob@sandbox.test"] == "ACCEPTED", answers
[view] = ews.protocol.get_free_busy_info(
    accounts=[("bob@sandbox.test", "Required", False)], start=start, end=start + 2 * hour, merged_free_busy_interval=60,
    requested_view="MergedOnly")
assert view.merged == "20", view
found = principal.freebusy_request(start, start + 2 * hour, ["bob@sandbox.test"])
assert "20261110T100000Z/20261110T110000Z" in found["mailto:bob@sandbox.test"].data
dav.get_event_by_uid("from-dav").delete()
assert bob_ews.calendar.get(subject="Canceled: from CalDAV").is_cancelled
bob_ews.calendar.all().delete()
assert by_ews() == by_dav() == by_ews(bob_ews) == by_dav(bob_dav) == []
print("ok")
