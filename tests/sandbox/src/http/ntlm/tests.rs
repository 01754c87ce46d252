//! The examples of MS-NLMP 4.2.4, and a client's messages made by hand.

use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
    digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn information(pairs: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (id, value) in pairs.iter().chain([&(av::END, Vec::new())]) {
        bytes.extend_from_slice(&id.to_le_bytes());
        bytes.extend_from_slice(&u16::try_from(value.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(value);
    }
    bytes
}

#[test]
fn keys_are_as_the_specification_has_them() {
    let secret: [u8; 16] = Md4::digest(utf16("Password")).into();
    let key = hmac(&secret, &[&utf16("USERDomain")]);
    assert_eq!(key.to_vec(), hex("0c868a403bfd7a93a3001ef22ef02e3f"));
    let names = information(&[(av::DOMAIN, utf16("Domain")), (av::COMPUTER, utf16("Server"))]);
    let temp =
        [&hex("0101000000000000 0000000000000000 aaaaaaaaaaaaaaaa 00000000")[..], &names, &[0; 4]].concat();
    let proof = hmac(&key, &[&hex("0123456789abcdef"), &temp]);
    assert_eq!(proof.to_vec(), hex("68cd0ab851e51c96aabc927bebef6a1c"));
    let base = hmac(&key, &[&proof]);
    assert_eq!(base.to_vec(), hex("8de40ccadbc14a82f15cb0ad0de95ca3"));
    assert_eq!(rc4(&base, &[0x55; 16]), hex("c5dad2544fc9799094ce1ce90bc9d03e"));
}

/// A client: what it does right or wrong.
struct Client {
    password: &'static str,
    bindings: Option<[u8; 16]>,
    integrity: bool,
    spoil: bool,
}

const GOOD: Client = Client { password: "Password", bindings: None, integrity: true, spoil: false };

fn negotiate() -> Vec<u8> {
    [SIGNATURE, &1_u32.to_le_bytes(), &0xE208_8297_u32.to_le_bytes(), &[0; 24]].concat()
}

fn authenticate(pending: &Pending, client: &Client) -> Vec<u8> {
    let challenge = pending.message();
    assert_eq!(message_type(challenge), Some(2));
    let offered = field(challenge, 40).unwrap();
    assert!(pair(offered, av::TIMESTAMP).is_some());
    let mut pairs = vec![(av::DOMAIN, pair(offered, av::DOMAIN).unwrap().to_vec())];
    if client.integrity {
        pairs.push((av::FLAGS, 2_u32.to_le_bytes().to_vec()));
    }
    pairs.extend(client.bindings.map(|hash| (av::CHANNEL_BINDINGS, hash.to_vec())));
    let secret: [u8; 16] = Md4::digest(utf16(client.password)).into();
    let key = hmac(&secret, &[&utf16("USERDomain")]);
    let temp = [&[1, 1][..], &[0; 6], &[0; 8], &[0xAA; 8], &[0; 4], &information(&pairs), &[0; 4]].concat();
    let proof = hmac(&key, &[&challenge[24..32], &temp]);
    let base = hmac(&key, &[&proof]);
    let session = [0x55; 16];
    let fields = [
        vec![0; 24],
        [&proof[..], &temp].concat(),
        utf16("Domain"),
        utf16("User"),
        utf16("PC"),
        rc4(&base, &session),
    ];
    let mut message = [SIGNATURE, &3_u32.to_le_bytes()].concat();
    let mut offset = 88;
    for field in &fields {
        let length = u16::try_from(field.len()).unwrap().to_le_bytes();
        message.extend_from_slice(
            &[&length[..], &length, &u32::try_from(offset).unwrap().to_le_bytes()].concat(),
        );
        offset += field.len();
    }
    message.extend_from_slice(
        &[&0xE208_8235_u32.to_le_bytes()[..], &[0; 8], &[0; 16], &fields.concat()].concat(),
    );
    if client.integrity {
        let mic = hmac(&session, &[&pending.negotiate, challenge, &message]);
        message[MIC].copy_from_slice(&mic);
    }
    if client.spoil {
        let last = message.len() - 1;
        message[last] ^= 1;
    }
    message
}

fn outcome(client: &Client, protection: ExtendedProtection) -> Result<String, Why> {
    let pending = challenge(&negotiate(), [7; 8], "mail.sandbox.test", "sandbox.test", 1).unwrap();
    let find = |name: &str| (name == "User").then(|| ("user".to_owned(), "Password".to_owned()));
    pending.accept(&authenticate(&pending, client), find, &Binding { protection, end_point: [9; 32] })
}

#[test]
fn what_is_wrong_is_told_apart() {
    use ExtendedProtection::{Allow, Off, Require};
    let right = Some(bindings(&[9; 32]));
    let wrong = Some(bindings(&[8; 32]));
    for (client, protection, wanted) in [
        (GOOD, Off, Ok("user".to_owned())),
        (Client { integrity: false, ..GOOD }, Off, Ok("user".to_owned())),
        (Client { password: "password", ..GOOD }, Off, Err(Why::WrongPassword)),
        (Client { spoil: true, ..GOOD }, Off, Err(Why::WrongIntegrityCode)),
        (Client { bindings: wrong, ..GOOD }, Off, Ok("user".to_owned())),
        (Client { bindings: wrong, ..GOOD }, Allow, Err(Why::WrongChannelBindings)),
        (Client { bindings: right, ..GOOD }, Allow, Ok("user".to_owned())),
        (GOOD, Allow, Ok("user".to_owned())),
        (GOOD, Require, Err(Why::NoChannelBindings)),
        (Client { bindings: Some([0; 16]), ..GOOD }, Require, Err(Why::NoChannelBindings)),
        (Client { bindings: right, ..GOOD }, Require, Ok("user".to_owned())),
    ] {
        assert_eq!(outcome(&client, protection), wanted);
    }
}

#[test]
fn nonsense_is_malformed_and_no_message_is_read_beyond_its_end() {
    let pending = challenge(&negotiate(), [7; 8], "h", "d", 1).unwrap();
    let good = authenticate(&pending, &GOOD);
    let binding = Binding { protection: ExtendedProtection::Off, end_point: [0; 32] };
    for length in 0..good.len() {
        let find = |_: &str| Some(("user".to_owned(), "Password".to_owned()));
        assert!(pending.accept(&good[..length], find, &binding).is_err(), "{length}");
    }
    assert!(challenge(&good, [7; 8], "h", "d", 1).is_none());
    assert!(challenge(b"NTLMSSP\0\x01\0\0\0", [7; 8], "h", "d", 1).is_none());
}
