//! What runs: accounts, views and checks, kept over a reload where they are equal.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::account::Account;
use crate::auth::gate::Gate;
use crate::check::autodiscover::Autodiscover;
use crate::check::calendar::Calendar;
use crate::check::directory::Directory;
use crate::check::endpoint::Endpoint;
use crate::check::free_busy::FreeBusy;
use crate::check::login::Login;
use crate::check::meeting::Meeting;
use crate::check::roundtrip::Roundtrip;
use crate::check::visit::{Errand, Visit};
use crate::check::{Check, reference};
use crate::clock;
use crate::config::plan::{self, MailService, Mailbox, Plan, What};
use crate::message::token::{Keys, hash};
use crate::net::Net;
use crate::outcome::{Event, Report, Sink, Sinks};
use crate::runner::{Busy, Runner};
use crate::schedule::Slots;
use crate::serve::Probed;
use crate::view::{Context, Identity, Views};

/// First runs follow each other so closely: one check starts at once, a thousand do not start together.
const SPREAD: Duration = Duration::from_millis(20);

/// A view judges by a look that begins after the deadline.
const MARGIN: Duration = Duration::from_secs(35);

/// Random per process: tells our messages from a predecessor's and a rival's.
pub static INSTANCE: LazyLock<u32> =
    LazyLock::new(|| getrandom::u32().unwrap_or_else(|_| std::process::id()));

pub(super) fn instance_name() -> String {
    format!("{:08x}", *INSTANCE)
}

/// What runs.
pub struct World {
    sinks: Sinks,
    collector: Arc<Collector>,
    beat: Arc<dyn Fn() + Send + Sync>,
    /// Changes when all checks must be made anew: site, keys, and what all views share.
    ground: Option<(u64, Arc<Context>, Arc<Runner>)>,
    addresses: Arc<ArcSwap<Vec<Arc<str>>>>,
    nets: HashMap<Arc<str>, Arc<(u64, Arc<Net>)>>,
    accounts: HashMap<Arc<str>, (u64, Arc<Account>)>,
    gates: HashMap<(Arc<str>, Arc<str>), Arc<Gate>>,
    running: HashMap<Arc<str>, Running>,
    /// Checks that were stopped by a reload and still drain.
    leaving: Vec<JoinHandle<()>>,
    reference: Option<(plan::Reference, CancellationToken)>,
    views: Views,
    tasks: TaskTracker,
    beating: CancellationToken,
}

struct Running {
    fingerprint: u64,
    check: Arc<dyn Check>,
    stop: CancellationToken,
    busy: Busy,
    probed: Option<u32>,
    serving: JoinHandle<()>,
    tending: JoinHandle<()>,
}

impl World {
    pub fn new(sinks: Sinks, beat: Arc<dyn Fn() + Send + Sync>) -> Self {
        let collector = Arc::new(Collector::default());
        let sinks =
            Sinks::new(vec![Arc::new(sinks) as Arc<dyn Sink>, Arc::clone(&collector) as Arc<dyn Sink>]);
        Self {
            sinks,
            collector,
            beat,
            ground: None,
            addresses: Arc::default(),
            nets: HashMap::new(),
            accounts: HashMap::new(),
            gates: HashMap::new(),
            running: HashMap::new(),
            leaving: Vec::new(),
            reference: None,
            views: Views::default(),
            tasks: TaskTracker::new(),
            beating: CancellationToken::new(),
        }
    }

    pub fn sinks(&self) -> &Sinks {
        &self.sinks
    }

    pub fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Whether a plan can be set up, without touching what runs.
    ///
    /// # Errors
    /// What is wrong with its certificates.
    pub fn check(&self, plan: &Plan) -> Result<(), String> {
        for service in plan.mail_services.values() {
            Net::new(Arc::clone(service))
                .map_err(|error| format!("mail_services.{}: {error}", service.name))?;
        }
        Ok(())
    }

    /// Makes the plan run: what is equal goes on, what is not drains, what is new starts.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn apply(&mut self, plan: &Arc<Plan>) -> Result<(), String> {
        self.check(plan)?;
        let (context, runner, is_new) = self.ground(plan);
        self.addresses
            .store(Arc::new(plan.mailboxes.values().map(|mailbox| Arc::clone(&mailbox.address)).collect()));
        self.nets.retain(|name, _| plan.mail_services.contains_key(name));
        self.accounts.retain(|name, _| plan.mailboxes.contains_key(name));
        let wanted: HashSet<_> =
            plan.checks.iter().map(|check| (Arc::clone(&check.name), check.fingerprint)).collect();
        let gone: Vec<_> = self
            .running
            .iter()
            .filter(|(name, running)| is_new || !wanted.contains(&(Arc::clone(name), running.fingerprint)))
            .map(|(name, _)| Arc::clone(name))
            .collect();
        for name in gone {
            if let Some(running) = self.running.remove(&name) {
                running.stop.cancel();
                self.leaving.push(tokio::spawn(running.ended()));
            }
        }
        self.leaving.retain(|leaving| !leaving.is_finished());
        for (n, check) in plan.checks.iter().enumerate() {
            if !self.running.contains_key(&check.name) {
                let delay = SPREAD * u32::try_from(n).unwrap_or(u32::MAX);
                let running = self.start(plan, check, &context, &runner, delay)?;
                self.running.insert(Arc::clone(&check.name), running);
            }
        }
        self.refer(&plan.reference);
        Ok(())
    }

    /// What all checks stand on, made anew when it changes.
    fn ground(&mut self, plan: &Plan) -> (Arc<Context>, Arc<Runner>, bool) {
        let mut hasher = DefaultHasher::new();
        plan.site.hash(&mut hasher);
        plan.fleet_keys.sign.fingerprint().hash(&mut hasher);
        plan.fleet_keys.accept.iter().for_each(|key| key.fingerprint().hash(&mut hasher));
        (plan.session_max_age, plan.auth_pause, plan.drain).hash(&mut hasher);
        let fingerprint = hasher.finish();
        if let Some((of, context, runner)) = &self.ground
            && *of == fingerprint
        {
            return (Arc::clone(context), Arc::clone(runner), false);
        }
        let identity = Arc::new(Identity {
            site: hash(&plan.site),
            instance: *INSTANCE,
            start: clock::wall(),
            keys: Keys::new(&plan.fleet_keys.sign, &plan.fleet_keys.accept),
        });
        let context = Arc::new(Context {
            identity,
            sinks: self.sinks.clone(),
            addresses: Arc::clone(&self.addresses),
            session_max_age: plan.session_max_age,
            tasks: self.tasks.clone(),
        });
        let runner = Runner::new(Arc::clone(&plan.site), self.sinks.clone(), Arc::clone(&self.beat));
        self.beating.cancel();
        self.beating = CancellationToken::new();
        tokio::spawn(Arc::clone(&runner).beat(self.beating.clone()));
        self.accounts.clear();
        self.ground = Some((fingerprint, Arc::clone(&context), Arc::clone(&runner)));
        (context, runner, true)
    }

    fn start(
        &mut self,
        plan: &Plan,
        check: &Arc<plan::Check>,
        context: &Arc<Context>,
        runner: &Arc<Runner>,
        delay: Duration,
    ) -> Result<Running, String> {
        let check = self.build(plan, check, context)?;
        let stop = CancellationToken::new();
        let busy = Busy::default();
        let serving = Arc::clone(runner).serve(Arc::clone(&check), delay, busy.clone(), stop.clone());
        let tending = Arc::clone(runner).tend(Arc::clone(&check), stop.clone());
        Ok(Running {
            fingerprint: check.plan().fingerprint,
            check,
            stop,
            busy,
            probed: None,
            serving: tokio::spawn(serving),
            tending: tokio::spawn(tending),
        })
    }

    /// A check from its plan. Forgetting a kind does not compile.
    fn build(
        &mut self,
        plan: &Plan,
        check: &Arc<plan::Check>,
        context: &Arc<Context>,
    ) -> Result<Arc<dyn Check>, String> {
        let of = Arc::clone(check);
        Ok(match &check.what {
            What::Roundtrip(trip) => {
                let sender = self.account(plan, &trip.from)?;
                let receiver = self.account(plan, &trip.to)?;
                let (views, drain) = (self.views.clone(), plan.drain);
                Arc::new(Roundtrip::new(of, trip, sender, &receiver, Arc::clone(context), &views, drain))
            }
            What::Login { mailbox, .. } => self.visit(of, plan, mailbox, Login)?,
            What::Directory { mailbox, of: whom, .. } => {
                self.visit(of, plan, mailbox, Directory { of: Arc::clone(&whom.address) })?
            }
            What::Calendar(calendar) => {
                let account = self.account(plan, &calendar.mailbox)?;
                Arc::new(Calendar::new(of, calendar, account, Arc::clone(context)))
            }
            What::Meeting(meeting) => {
                let organizer = self.account(plan, &meeting.organizer.mailbox)?;
                let attendee = self.account(plan, &meeting.attendee.mailbox)?;
                Arc::new(Meeting::new(of, meeting, organizer, attendee, Arc::clone(context)))
            }
            What::FreeBusy(free_busy) => {
                let (looks, writes) =
                    (self.account(plan, &free_busy.mailbox)?, self.account(plan, &free_busy.of)?);
                Arc::new(FreeBusy::new(of, free_busy, looks, writes, Arc::clone(context)))
            }
            What::Autodiscover { mailbox } => {
                let mail_service = Arc::clone(&mailbox.mail_service);
                self.visit(of, plan, mailbox, Autodiscover { mail_service })?
            }
            What::Endpoint { mail_service, .. } => {
                let net = self.net(mail_service)?;
                Arc::new(Endpoint::new(of, Arc::clone(mail_service), net, self.sinks.clone()))
            }
        })
    }

    fn visit(
        &mut self,
        of: Arc<plan::Check>,
        plan: &Plan,
        mailbox: &Arc<Mailbox>,
        errand: impl Errand,
    ) -> Result<Arc<dyn Check>, String> {
        Ok(Arc::new(Visit::new(of, self.account(plan, mailbox)?, self.sinks.clone(), errand)))
    }

    fn net(&mut self, service: &Arc<MailService>) -> Result<Arc<Net>, String> {
        if let Some(kept) = self.nets.get(&service.name)
            && kept.0 == service.fingerprint
        {
            return Ok(Arc::clone(&kept.1));
        }
        let net = Arc::new(Net::new(Arc::clone(service))?);
        self.nets.insert(Arc::clone(&service.name), Arc::new((service.fingerprint, Arc::clone(&net))));
        Ok(net)
    }

    fn account(&mut self, plan: &Plan, mailbox: &Arc<Mailbox>) -> Result<Arc<Account>, String> {
        if let Some((fingerprint, kept)) = self.accounts.get(&mailbox.name)
            && *fingerprint == mailbox.fingerprint
        {
            return Ok(Arc::clone(kept));
        }
        let net = self.net(&mailbox.mail_service)?;
        // A pause survives a reload: it belongs to realm and user name, not to the mailbox.
        let realm = (Arc::clone(&mailbox.mail_service.name), Arc::clone(&mailbox.auth.username));
        let gate = Arc::clone(self.gates.entry(realm).or_insert_with(|| Gate::new(plan.auth_pause)));
        let slot = slot_of(plan, mailbox);
        let account = Account::new(Arc::clone(mailbox), net, gate, slot, self.sinks.clone());
        self.accounts.insert(Arc::clone(&mailbox.name), (mailbox.fingerprint, Arc::clone(&account)));
        Ok(account)
    }

    fn refer(&mut self, reference: &plan::Reference) {
        if self.reference.as_ref().is_some_and(|(of, _)| of == reference) {
            return;
        }
        let stop = CancellationToken::new();
        if reference.dns.is_some() || reference.web.is_some() {
            tokio::spawn(reference::watch(reference.clone(), self.sinks.clone(), stop.clone()));
        }
        if let Some((_, old)) = self.reference.replace((reference.clone(), stop)) {
            old.cancel();
        }
    }

    /// `/probe`: one more run in the current slot, where nothing forbids it.
    pub fn probe(&mut self, name: &str, answer: oneshot::Sender<Probed>) {
        let (Some(running), Some((_, _, runner))) = (self.running.get_mut(name), &self.ground) else {
            return;
        };
        let plan = running.check.plan();
        let slot = Slots::new(runner.site(), &plan.name, plan.every).current(clock::wall());
        let age = self.collector.age(&plan.name);
        let not_now = |why: &str| Probed::NotNow { why: why.to_owned(), age };
        let Some(busy) = running.busy.try_all(&running.check, slot) else {
            answer.send(not_now("a run is under way")).ok();
            return;
        };
        if running.probed.replace(slot) == Some(slot) {
            answer.send(not_now("this slot was used already")).ok();
            return;
        }
        let reports = self.collector.listen(&plan.name);
        let (runner, check, stop) = (Arc::clone(runner), Arc::clone(&running.check), running.stop.clone());
        tokio::spawn(async move {
            runner.once(&check, slot, &stop).await;
            drop(busy);
            let settled = settled(&*check, slot, reports).await;
            let answered = if settled.is_empty() {
                Probed::NotNow {
                    why: "the credential is paused, or the server asked for rest".to_owned(),
                    age,
                }
            } else {
                Probed::Ran(settled)
            };
            answer.send(answered).ok();
        });
    }

    /// Runs these checks once and returns when every lane is settled: `check --direct`.
    pub async fn once(&self, names: &[Arc<str>]) {
        let Some((_, _, runner)) = &self.ground else { return };
        let runs = names.iter().filter_map(|name| self.running.get(name)).map(|running| async move {
            let plan = running.check.plan();
            let slot = Slots::new(runner.site(), &plan.name, plan.every).current(clock::wall());
            let reports = self.collector.listen(&plan.name);
            runner.once(&running.check, slot, &running.stop).await;
            settled(&*running.check, slot, reports).await;
        });
        join_all(runs).await;
    }

    /// As [`Self::apply`], but nothing is scheduled: for [`Self::once`].
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn prepare(&mut self, plan: &Arc<Plan>, names: &[Arc<str>]) -> Result<(), String> {
        self.check(plan)?;
        let (context, runner, _) = self.ground(plan);
        self.addresses
            .store(Arc::new(plan.mailboxes.values().map(|mailbox| Arc::clone(&mailbox.address)).collect()));
        for check in plan.checks.iter().filter(|check| names.contains(&check.name)) {
            let built = self.build(plan, check, &context)?;
            let stop = CancellationToken::new();
            let tending = Arc::clone(&runner).tend(Arc::clone(&built), stop.clone());
            let running = Running {
                fingerprint: check.fingerprint,
                check: built,
                stop,
                busy: Busy::default(),
                probed: None,
                serving: tokio::spawn(async {}),
                tending: tokio::spawn(tending),
            };
            self.running.insert(Arc::clone(&check.name), running);
        }
        Ok(())
    }

    /// No new runs; what is in flight is awaited, views are closed.
    pub async fn stop(&mut self) {
        for running in self.running.values() {
            running.stop.cancel();
        }
        let ending = self.running.drain().map(|(_, running)| running.ended());
        join_all(ending).await;
        join_all(self.leaving.drain(..)).await;
        if let Some((_, stop)) = self.reference.take() {
            stop.cancel();
        }
        self.beating.cancel();
    }
}

impl Running {
    /// Its check, and with it its leases, are gone when this returns.
    async fn ended(self) {
        self.serving.await.ok();
        self.tending.await.ok();
    }
}

/// The reports of a slot, once each of its lanes is settled or skipped.
async fn settled(
    check: &dyn Check,
    slot: u32,
    mut reports: mpsc::UnboundedReceiver<Option<Report>>,
) -> Vec<Report> {
    let longest = check.lanes().iter().map(|lane| lane.judged_within).max().unwrap_or_default();
    let mut settled = Vec::new();
    let all = async {
        for _ in check.lanes_of(slot) {
            settled.extend(reports.recv().await.flatten());
        }
    };
    tokio::time::timeout(longest + MARGIN, all).await.ok();
    settled
}

/// How far apart two attempts to sign in to that mailbox are: the shortest interval of the checks that use it.
fn slot_of(plan: &Plan, mailbox: &Mailbox) -> Duration {
    let uses =
        |check: &&Arc<plan::Check>| check.what.sessions().iter().any(|(of, _)| of.name == mailbox.name);
    let shortest = plan.checks.iter().filter(uses).map(|check| check.every).min();
    shortest.unwrap_or_default().max(Duration::from_secs(60))
}

/// Hears every report, for those who wait for one.
#[derive(Default)]
struct Collector {
    last: Mutex<HashMap<Arc<str>, Instant>>,
    listeners: Mutex<Vec<Listener>>,
}

/// The check whose lanes are awaited, and who waits: `None` for a lane that was skipped.
type Listener = (Arc<str>, mpsc::UnboundedSender<Option<Report>>);

impl Collector {
    /// A report, or a slot of a lane that was skipped.
    fn listen(&self, check: &Arc<str>) -> mpsc::UnboundedReceiver<Option<Report>> {
        let (to, from) = mpsc::unbounded_channel();
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push((Arc::clone(check), to));
        from
    }

    fn age(&self, check: &str) -> Option<Duration> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.get(check).map(Instant::elapsed)
    }

    fn hear(&self, check: &Arc<str>, report: Option<&Report>) {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|(of, to)| of != check || to.send(report.cloned()).is_ok());
    }
}

impl Sink for Collector {
    fn tell(&self, event: &Event) {
        match event {
            Event::Ran(report) => {
                let check = &report.lane.check;
                let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
                last.insert(Arc::clone(check), Instant::now());
                drop(last);
                self.hear(check, Some(report));
            }
            Event::Skipped { lane, .. } => self.hear(&lane.check, None),
            _ => {}
        }
    }
}
