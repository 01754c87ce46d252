"""What exchangelib reads of alice's calendar, a line for each entry."""
import datetime
import os
import zoneinfo

import trust  # noqa: F401
from exchangelib import BASIC, DELEGATE, UTC, Account, CalendarItem, Configuration, Credentials, ExtendedProperty


class Token(ExtendedProperty):
    distinguished_property_set_id = "InternetHeaders"
    property_name = "X-Mailprobe"
    property_type = "String"


CalendarItem.register("token", Token)
config = Configuration(
    service_endpoint=f"https://localhost:{os.environ['HTTPS_PORT']}/EWS/Exchange.asmx",
    credentials=Credentials("alice", os.environ["PASSWORD"]), auth_type=BASIC)
alice = Account("alice@sandbox.test", config=config, access_type=DELEGATE, default_timezone=UTC)


def at(time, zone):
    if isinstance(time, datetime.datetime):
        return time.astimezone(zoneinfo.ZoneInfo(zone.key)).strftime("%Y-%m-%dT%H:%M%z")
    return str(time)


for item in sorted(alice.calendar.all(), key=lambda item: item.uid):
    zone = item._start_timezone
    told = [
        item.uid, item.type, item.subject, item.location, at(item.start, zone), at(item.end, zone), zone.ms_id,
        item.sensitivity, f"reminder {item.reminder_is_set}", item.legacy_free_busy_status, f"token {item.token}",
    ]
    if item.recurrence:
        told.append(f"{type(item.recurrence.pattern).__name__} {item.recurrence.pattern.interval} from "
                    f"{item.recurrence.boundary.start:%Y-%m-%d}, {item.recurrence.boundary.number} times")
    for moved in item.modified_occurrences or []:
        told.append(f"{at(moved.original_start, zone)} at {at(moved.start, zone)} to {at(moved.end, zone)}")
    for attendee in item.required_attendees or []:
        told.append(f"{attendee.mailbox.email_address} {attendee.response_type}")
    print(" | ".join(told))
