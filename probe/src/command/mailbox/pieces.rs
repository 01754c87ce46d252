//! The table: what is saved, what is set, what is put back. In each, `$id` is the mailbox, `$box` what Get-Mailbox tells
//! of it, `$before` what was saved.

use crate::config::plan::Exchange;

/// One thing that is set at each mailbox.
pub struct Piece {
    /// As in docs/exchange.md.
    pub title: &'static str,
    /// Where it exists.
    pub only: Option<Exchange>,
    pub save: &'static str,
    pub prepare: &'static str,
    pub undo: &'static str,
}

/// Once, before the mailboxes.
pub const BEFORE_ALL: &str = "\
New-Item -ItemType Directory -Force -Path $folder | Out-Null";

/// Once, after them. The rule stands before all others and ends them, for messages between the test mailboxes alone.
pub const AFTER_ALL: &str = "\
# Transport rules and DLP
$rule = Get-TransportRule | Where-Object { $_.Name -eq 'mailprobe' }
# Other sites' mailboxes stay in it.
$addresses = @(@($rule.From | ForEach-Object { [string]$_ }) + @($boxes.Values) | Where-Object { $_ } | Sort-Object -Unique)
if ($rule) {
    Set-TransportRule -Identity 'mailprobe' -From $addresses -SentTo $addresses
} else {
    New-TransportRule -Name 'mailprobe' -Priority 0 -From $addresses -SentTo $addresses -SetSCL -1 -StopRuleProcessing $true | Out-Null
}
# Journal
foreach ($rule in @(Get-JournalRule | Where-Object { $_.Enabled })) {
    Write-Warning ('journal rule ' + $rule.Name + ' copies messages of the test mailboxes to ' + $rule.JournalEmailAddress + ': let it leave them out')
}";

/// Once, after the mailboxes were put back.
pub const UNDO_ALL: &str = "\
# Transport rules and DLP
$rule = Get-TransportRule | Where-Object { $_.Name -eq 'mailprobe' }
$others = @($rule.From | ForEach-Object { [string]$_ } | Where-Object { $_ -and $boxes.Values -notcontains $_ })
if ($others) {
    Set-TransportRule -Identity 'mailprobe' -From $others -SentTo $others
} elseif ($rule) {
    Remove-TransportRule -Identity 'mailprobe' -Confirm:$false
}";

#[rustfmt::skip]
pub const PIECES: &[Piece] = &[
    Piece {
        title: "Junk rule",
        only: None,
        save: "$before.Junk = (Get-MailboxJunkEmailConfiguration -Identity $id).Enabled",
        prepare: "try { Set-MailboxJunkEmailConfiguration -Identity $id -Enabled $false }\n\
                  catch { Write-Warning ($id + ': sign in to Outlook on the web once, then run this again: ' + $_) }",
        undo: "try { Set-MailboxJunkEmailConfiguration -Identity $id -Enabled $before.Junk } catch { Write-Warning ($id + ': ' + $_) }",
    },
    Piece {
        title: "Inbox rules",
        only: None,
        save: "$before.Rules = @(Get-InboxRule -Mailbox $id | Where-Object { $_.Enabled } | ForEach-Object { [string]$_.Identity })",
        prepare: "Get-InboxRule -Mailbox $id | Where-Object { $_.Enabled } | Disable-InboxRule -Force -Confirm:$false",
        undo: "foreach ($rule in $before.Rules) { Enable-InboxRule -Identity $rule -Mailbox $id -Force -Confirm:$false }",
    },
    Piece {
        title: "Deleted items",
        only: Some(Exchange::Server),
        save: "$before.SingleItemRecovery = $box.SingleItemRecoveryEnabled\n\
               $before.RetainDeletedItemsFor = [string]$box.RetainDeletedItemsFor\n\
               $before.DatabaseDefaults = $box.UseDatabaseRetentionDefaults",
        prepare: "Set-Mailbox -Identity $id -SingleItemRecoveryEnabled $false -UseDatabaseRetentionDefaults $false -RetainDeletedItemsFor '0.00:00:00'",
        undo: "Set-Mailbox -Identity $id -SingleItemRecoveryEnabled $before.SingleItemRecovery -RetainDeletedItemsFor $before.RetainDeletedItemsFor -UseDatabaseRetentionDefaults $before.DatabaseDefaults",
    },
    Piece {
        title: "Deleted items",
        only: Some(Exchange::Online),
        save: "$before.SingleItemRecovery = $box.SingleItemRecoveryEnabled\n\
               $before.RetainDeletedItemsFor = [string]$box.RetainDeletedItemsFor",
        prepare: "Set-Mailbox -Identity $id -SingleItemRecoveryEnabled $false -RetainDeletedItemsFor '0.00:00:00'",
        undo: "Set-Mailbox -Identity $id -SingleItemRecoveryEnabled $before.SingleItemRecovery -RetainDeletedItemsFor $before.RetainDeletedItemsFor",
    },
    Piece {
        title: "Holds and retention",
        only: None,
        save: "$before.LitigationHold = $box.LitigationHoldEnabled\n\
               $before.RetentionPolicy = if ($box.RetentionPolicy) { [string]$box.RetentionPolicy } else { $null }",
        prepare: "Set-Mailbox -Identity $id -LitigationHoldEnabled $false -RetentionPolicy $null\n\
                  if ($box.InPlaceHolds) { Write-Warning ($id + ' is on hold by ' + ($box.InPlaceHolds -join ', ') + ': take it out, or its deleted messages pile up') }",
        undo: "Set-Mailbox -Identity $id -LitigationHoldEnabled $before.LitigationHold -RetentionPolicy $before.RetentionPolicy",
    },
    Piece {
        title: "Forwarding",
        only: None,
        save: "$before.ForwardingAddress = if ($box.ForwardingAddress) { [string]$box.ForwardingAddress } else { $null }\n\
               $before.ForwardingSmtpAddress = if ($box.ForwardingSmtpAddress) { [string]$box.ForwardingSmtpAddress } else { $null }\n\
               $before.DeliverAndForward = $box.DeliverToMailboxAndForward",
        prepare: "Set-Mailbox -Identity $id -ForwardingAddress $null -ForwardingSmtpAddress $null -DeliverToMailboxAndForward $false",
        undo: "Set-Mailbox -Identity $id -ForwardingAddress $before.ForwardingAddress -ForwardingSmtpAddress $before.ForwardingSmtpAddress -DeliverToMailboxAndForward $before.DeliverAndForward",
    },
    Piece {
        title: "Automatic replies",
        only: None,
        save: "$before.AutoReply = [string](Get-MailboxAutoReplyConfiguration -Identity $id).AutoReplyState",
        prepare: "Set-MailboxAutoReplyConfiguration -Identity $id -AutoReplyState Disabled",
        undo: "Set-MailboxAutoReplyConfiguration -Identity $id -AutoReplyState $before.AutoReply",
    },
    Piece {
        title: "Calendar processing",
        only: None,
        save: "$calendar = Get-CalendarProcessing -Identity $id\n\
               $before.Calendar = [string]$calendar.AutomateProcessing\n\
               $before.CalendarExternal = $calendar.ProcessExternalMeetingMessages",
        prepare: "# Rooms and equipment alone can be set, and are not what people have.\n\
                  if ([string]$box.RecipientTypeDetails -in 'RoomMailbox', 'EquipmentMailbox') {\n    \
                  Set-CalendarProcessing -Identity $id -AutomateProcessing AutoUpdate -ProcessExternalMeetingMessages $true\n\
                  }",
        undo: "if ([string](Get-Mailbox -Identity $id).RecipientTypeDetails -in 'RoomMailbox', 'EquipmentMailbox') {\n    \
               Set-CalendarProcessing -Identity $id -AutomateProcessing $before.Calendar -ProcessExternalMeetingMessages $before.CalendarExternal\n\
               }",
    },
    Piece {
        title: "Client protocols",
        only: None,
        save: "$access = Get-CASMailbox -Identity $id\n\
               $before.Clients = @{}\n\
               foreach ($client in $switchable) { $before.Clients[$client] = $access.$client }",
        prepare: "$switches = $clients[$name]\n\
                  if ($switches.Count) { Set-CASMailbox -Identity $id @switches }",
        undo: "$switches = $before.Clients\n\
               Set-CASMailbox -Identity $id @switches",
    },
    Piece {
        title: "Address book",
        only: None,
        save: "$before.Hidden = $box.HiddenFromAddressListsEnabled",
        prepare: "if ($listed -contains $name) { Set-Mailbox -Identity $id -HiddenFromAddressListsEnabled $false }",
        undo: "Set-Mailbox -Identity $id -HiddenFromAddressListsEnabled $before.Hidden",
    },
    Piece {
        title: "Throttling policy",
        only: Some(Exchange::Server),
        save: "$before.Throttling = if ($box.ThrottlingPolicy) { [string]$box.ThrottlingPolicy } else { $null }",
        prepare: "if (-not (Get-ThrottlingPolicy | Where-Object { $_.Name -eq 'mailprobe' })) { New-ThrottlingPolicy -Name 'mailprobe' -ThrottlingPolicyScope Regular | Out-Null }\n\
                  Set-ThrottlingPolicyAssociation -Identity $id -ThrottlingPolicy 'mailprobe'",
        undo: "Set-ThrottlingPolicyAssociation -Identity $id -ThrottlingPolicy $before.Throttling",
    },
];
