//! Ports that nobody listens on.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU8, AtomicU16, Ordering};

/// A port of the kernel's choice. Free now; somebody else may be quicker.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("the address of a listener").port()
}

/// A number to which each of `offsets` can be added to give a free port. Below the ports that the kernel gives to clients,
/// so that no outgoing connection takes one.
pub fn free_port_base(offsets: &[u16]) -> u16 {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    // Two processes start their search at different places.
    let start = u16::try_from(std::process::id() % 190).expect("below 190");
    for _ in 0..190 {
        let step = (start + TRIED.fetch_add(1, Ordering::Relaxed) * 7) % 190;
        let base = 10_000 + step * 100;
        if offsets.iter().all(|offset| TcpListener::bind((Ipv4Addr::LOCALHOST, base + offset)).is_ok()) {
            return base;
        }
    }
    panic!("no free ports between 10000 and 30000");
}

/// A loopback address that no other test uses now: on it the well-known ports are free, to whoever may bind them.
pub fn loopback() -> Ipv4Addr {
    static GIVEN: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 64 + high % 128, low, GIVEN.fetch_add(1, Ordering::Relaxed))
}
