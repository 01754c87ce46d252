use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data_encoding::HEXLOWER_PERMISSIVE as HEX;
use proptest::prelude::*;

use super::*;

/// MS-NLMP, section 4.2.4.3: the challenge of its example.
const EXAMPLE: &str = "4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef0000000000000000240024004400000006007017\
    0000000f53006500720076006500720002000c0044006f006d00610069006e0001000c0053006500720076006500720000000000";

/// A challenge as a Windows Server 2022 in a domain sends it.
const WINDOWS: &str = "4e544c4d53535000020000000800080038000000058289a2fedcba9876543210000000000000000086008600400000000a007c4f\
    0000000f43004f00520050000200080043004f00520050000100080045005800300031000400180063006f00720070002e006500780061006d00\
    70006c0065000300220045005800300031002e0063006f00720070002e006500780061006d0070006c0065000500180063006f00720070002e00\
    6500780061006d0070006c006500070008000080f21e645adb0100000000";
const WINDOWS_TIME: u64 = 133_800_000_000_000_000;

fn hex(text: &str) -> Vec<u8> {
    HEX.decode(text.replace(char::is_whitespace, "").as_bytes()).unwrap()
}

fn key(text: &str) -> [u8; 16] {
    hex(text).try_into().unwrap()
}

fn binding(channel: Option<[u8; 16]>) -> Binding<'static> {
    Binding { channel, target: "HTTP/mail.corp.example" }
}

/// What a field of a third message points at.
fn part(message: &[u8], at: usize) -> &[u8] {
    let length = usize::from(u16::from_le_bytes([message[at], message[at + 1]]));
    let start = u32::from_le_bytes(message[at + 4..at + 8].try_into().unwrap()) as usize;
    &message[start..start + length]
}

/// The pairs within the NTLM response of a third message.
fn pairs_of(message: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut rest = &part(message, 20)[16 + 28..];
    let mut out = Vec::new();
    loop {
        let (id, length) = (u16::from_le_bytes([rest[0], rest[1]]), u16::from_le_bytes([rest[2], rest[3]]));
        if id == 0 {
            assert_eq!(rest, [0; 8], "the end, and the four zeros behind it");
            return out;
        }
        let (value, after) = rest[4..].split_at(usize::from(length));
        out.push((id, value.to_vec()));
        rest = after;
    }
}

fn pair_of(message: &[u8], id: u16) -> Option<Vec<u8>> {
    pairs_of(message).into_iter().find(|pair| pair.0 == id).map(|pair| pair.1)
}

#[test]
fn the_numbers_of_the_specification_s_example_come_out() {
    // MS-NLMP, sections 4.2.1 and 4.2.4: user, domain and password are these words.
    let owf = ntowf_v2("User", "Domain", "Password");
    assert_eq!(owf, key("0c868a403bfd7a93a3001ef22ef02e3f"));
    assert_eq!(owf, Client::new("Domain\\uSER", "Password").key, "the user's case does not matter");
    assert_ne!(owf, Client::new("DOMAIN\\User", "Password").key, "the domain's does");
    let challenge = hex(EXAMPLE);
    let read = Challenge::read(&challenge).unwrap();
    assert_eq!((read.flags, read.time), (0xe28a_8233, None));
    assert_eq!(read.nonce.to_vec(), hex("0123456789abcdef"));
    let pairs = hex("02000c0044006f006d00610069006e0001000c0053006500720076006500720000000000");
    let proved = prove(&owf, read.nonce, [0xaa; 8], 0, &pairs);
    let over = [hex("01010000000000000000000000000000aaaaaaaaaaaaaaaa00000000"), pairs, vec![0; 4]].concat();
    assert_eq!(proved.response, [hex("68cd0ab851e51c96aabc927bebef6a1c"), over].concat());
    assert_eq!(proved.session_key, key("8de40ccadbc14a82f15cb0ad0de95ca3"));
    let lm = lm_v2(&owf, read.nonce, [0xaa; 8]);
    assert_eq!(lm.to_vec(), hex("86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa"));
}

#[test]
fn a_whole_answer_is_byte_for_byte_what_another_program_makes_of_the_specification() {
    // By Python's hashlib and hmac, with an MD4 of its own; the binding is that of the second of certificates.txt.
    let expected = "4e544c4d5353500003000000180018005800000002010201700000000800080072010000080008007a0100000000000082010000\
        0000000082010000058288a0000000000000000072b83862e10d3f7a0dbf514aae2ad34c00000000000000000000000000000000000000000000\
        0000b91b006f95ead3196748afe91f9e82d001010000000000000080f21e645adb010102030405060708000000000200080043004f0052005000\
        0100080045005800300031000400180063006f00720070002e006500780061006d0070006c0065000300220045005800300031002e0063006f00\
        720070002e006500780061006d0070006c0065000500180063006f00720070002e006500780061006d0070006c006500070008000080f21e645a\
        db0106000400020000000a00100016d4941b310cbee6c9ddbaa13b8eeac409002c0048005400540050002f006d00610069006c002e0063006f00\
        720070002e006500780061006d0070006c006500000000000000000043004f0052005000fc006e0061006c00";
    let client = Client::new("CORP\\ünal", "pä55 wörd€");
    assert_eq!(client.negotiate(), hex("4e544c4d5353500001000000058288a000000000000000000000000000000000"));
    let channel = Some(key("16d4941b310cbee6c9ddbaa13b8eeac4"));
    let answer = client.authenticate(&hex(WINDOWS), &binding(channel), 7, [1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
    assert_eq!(HEX.encode(&answer), HEX.encode(&hex(expected)));
}

#[test]
fn a_server_that_tells_no_time_gets_our_time_an_lm_response_and_no_mic() {
    let client = Client::new("Domain\\User", "Password");
    let challenge = hex(EXAMPLE);
    let answer = client.authenticate(&challenge, &binding(None), 0x1122_3344_5566_7788, [0xaa; 8]).unwrap();
    let lm = hex("86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa");
    assert_eq!(part(&answer, 12), lm);
    assert_eq!(part(&answer, 20)[24..32], 0x1122_3344_5566_7788_u64.to_le_bytes());
    assert_eq!(answer[MIC_AT..HEAD], [0; 16]);
    let ids: Vec<u16> = pairs_of(&answer).iter().map(|pair| pair.0).collect();
    assert_eq!(ids, [2, 1, 9], "neither flags nor a binding");
    assert_eq!((part(&answer, 28), part(&answer, 36)), (&utf16("Domain")[..], &utf16("User")[..]));
    // Neither signing nor a key: the server of the example offers both.
    assert_eq!(answer[60..64], 0xa088_8201_u32.to_le_bytes());
    assert!(part(&answer, 52).is_empty());
}

#[test]
fn names_are_sent_as_they_are_written_in_any_of_three_ways() {
    let names = |user| {
        let client = Client::new(user, "a password");
        let answer = client.authenticate(&hex(WINDOWS), &binding(None), 0, [0; 8]).unwrap();
        (part(&answer, 28).to_vec(), part(&answer, 36).to_vec())
    };
    assert_eq!(names("CORP\\alice"), (utf16("CORP"), utf16("alice")));
    assert_eq!(names("alice@corp.example"), (vec![], utf16("alice@corp.example")));
    assert_eq!(names("alice"), (vec![], utf16("alice")));
    // What one unit does not hold goes as two.
    assert_eq!(names("EX\\\u{1F600}"), (utf16("EX"), vec![0x3d, 0xd8, 0x00, 0xde]));
}

#[test]
fn letters_are_raised_one_by_one() {
    let raised: String = "straße ünal ﬁx ı ſ ǆ éàÿ".chars().map(upper).collect();
    assert_eq!(raised, "STRAßE ÜNAL ﬁX ı ſ Ǆ ÉÀŸ");
}

#[test]
fn what_the_server_says_of_itself_is_told() {
    let server = Server::read(&hex(WINDOWS)).unwrap();
    let text = |text: &str| Some(text.to_owned());
    let expected = Server {
        target: text("CORP"),
        computer: text("EX01"),
        domain: text("CORP"),
        dns_computer: text("EX01.corp.example"),
        dns_domain: text("corp.example"),
        dns_forest: text("corp.example"),
        version: Some((10, 0, 20348)),
        time: Some(WINDOWS_TIME),
    };
    assert_eq!(server, expected);
    assert_eq!(server.to_string(), "EX01.corp.example of CORP, version 10.0.20348");
    assert_eq!(Server::read(&hex(EXAMPLE)).unwrap().to_string(), "Server of Domain, version 6.0.6000");
    assert_eq!(Server::default().to_string(), "a server without a name");
}

#[test]
fn version_and_target_information_may_be_missing() {
    // Ends behind the nonce, behind the context, behind an empty field for the information.
    for length in [32, 40, 48] {
        let mut challenge = hex(WINDOWS);
        challenge.truncate(length);
        challenge[12..20].fill(0);
        challenge[20..24].copy_from_slice(&0x0000_8201_u32.to_le_bytes());
        let server = Server::read(&challenge).unwrap();
        assert_eq!(server, Server::default(), "{length} bytes");
        let answer =
            Client::new("alice", "pw").authenticate(&challenge, &binding(Some([7; 16])), 9, [1; 8]).unwrap();
        let ids: Vec<u16> = pairs_of(&answer).iter().map(|pair| pair.0).collect();
        assert_eq!(ids, [10, 9], "{length} bytes: the binding is proved all the same");
        assert_eq!(answer[60..64], 0x0000_8201_u32.to_le_bytes());
    }
    // An older server's name, not in Unicode; nothing says what stands in the place of its version.
    let mut old = hex(WINDOWS);
    old[20..24].copy_from_slice(&0x0000_8202_u32.to_le_bytes());
    old[56..64].copy_from_slice(b"CO\xe4RP\n  ");
    assert_eq!(Server::read(&old).unwrap().target.unwrap(), "CO?RP?  ");
}

#[test]
fn what_a_server_puts_in_our_place_is_not_sent_on() {
    let mut challenge = hex(EXAMPLE);
    challenge.truncate(68);
    let info = [
        &[6, 0, 4, 0, 3, 0, 0, 0][..],
        &[10, 0, 16, 0],
        &[9; 16],
        &[9, 0, 2, 0, b'X', 0],
        &[8, 0, 1, 0, 5],
        &[77, 0, 0, 0],
        &[0; 4],
    ]
    .concat();
    challenge[40..42].copy_from_slice(&u16::try_from(info.len()).unwrap().to_le_bytes());
    challenge.extend_from_slice(&info);
    let client = Client::new("alice", "pw");
    let answer = client.authenticate(&challenge, &binding(Some([1; 16])), 0, [0; 8]).unwrap();
    let target = utf16("HTTP/mail.corp.example");
    let expected = vec![(8, vec![5]), (77, vec![]), (6, vec![1, 0, 0, 0]), (10, vec![1; 16]), (9, target)];
    assert_eq!(pairs_of(&answer), expected, "unknown ones go on; of the flags, that there is a MIC does not");
}

#[test]
fn nonsense_is_refused_by_name() {
    let with = |change: fn(&mut Vec<u8>)| {
        let mut challenge = hex(WINDOWS);
        change(&mut challenge);
        Server::read(&challenge).unwrap_err()
    };
    assert_eq!(with(Vec::clear), Malformed::Foreign);
    assert_eq!(with(|c| c[7] = 1), Malformed::Foreign);
    assert_eq!(with(|c| c.truncate(31)), Malformed::Length(31));
    assert_eq!(with(|c| c.resize(200_000, 0)), Malformed::Length(200_000));
    assert_eq!(with(|c| c[8] = 1), Malformed::OtherMessage(1));
    assert_eq!(with(|c| c[13] = 1), Malformed::Outside("target name"));
    assert_eq!(with(|c| c[47] = 0xff), Malformed::Outside("target information"));
    assert_eq!(with(|c| c[66] = 0xff), Malformed::TargetInfo, "the first pair is longer than all");
    assert_eq!(with(|c| c[40] -= 2), Malformed::TargetInfo, "half a pair at the end");
    let short_time = with(|c| {
        let at = c.len() - 14;
        c[at] = 4;
    });
    assert_eq!(short_time, Malformed::TargetInfo);
    assert!(Malformed::OtherMessage(1).to_string().contains("message 1"));
}

#[test]
fn the_end_of_the_pairs_may_be_left_out() {
    let mut challenge = hex(WINDOWS);
    let length = challenge.len() - 4;
    challenge.truncate(length);
    challenge[40] -= 4;
    assert_eq!(Server::read(&challenge).unwrap().time, Some(WINDOWS_TIME));
}

#[test]
fn names_that_do_not_fit_are_refused() {
    let long = "x".repeat(40_000);
    let fault = |user: &str, target: &str| {
        let binding = Binding { channel: None, target };
        Client::new(user, "pw").authenticate(&hex(WINDOWS), &binding, 0, [0; 8]).unwrap_err()
    };
    assert_eq!(fault(&long, "HTTP/a"), Malformed::TooLong("user name"));
    assert_eq!(fault(&format!("{long}\\a"), "HTTP/a"), Malformed::TooLong("domain"));
    assert_eq!(fault("a", &long), Malformed::TooLong("target name"));
    assert_eq!(fault("a", &"x".repeat(32_700)), Malformed::TooLong("NTLM response"));
}

#[test]
fn neither_password_nor_key_is_printed() {
    let client = Client::new("CORP\\alice", "tr0ub4dor&3");
    assert_eq!(format!("{client:?}"), r#"Client { user: "alice", domain: "CORP", key: <hidden> }"#);
}

#[test]
fn windows_time_is_counted_from_1601() {
    assert_eq!(filetime(UNIX_EPOCH), 116_444_736_000_000_000);
    let at = UNIX_EPOCH + std::time::Duration::from_nanos(1_735_526_400_000_000_100);
    assert_eq!(filetime(at), WINDOWS_TIME + 1);
    assert_eq!(filetime(UNIX_EPOCH - std::time::Duration::from_secs(1)), 0);
}

#[test]
fn a_channel_is_bound_by_the_hash_of_the_certificate_s_signature() {
    let mut rows = include_str!("certificates.txt").lines().filter(|line| !line.starts_with('#')).skip(1);
    let mut seen = 0;
    while let (Some(what), Some(hash), Some(expected), Some(leaf)) =
        (rows.next(), rows.next(), rows.next(), rows.next())
    {
        let leaf = STANDARD.decode(leaf).unwrap();
        assert_eq!(end_point(&leaf), [&b"tls-server-end-point:"[..], &hex(hash)].concat(), "{what}");
        assert_eq!(channel_binding(&leaf), key(expected), "{what}");
        rows.next();
        seen += 1;
    }
    assert_eq!(seen, 7);
    // What is no certificate has a binding too: SHA-256 of nothing, here.
    let nothing = hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(end_point(b""), [&b"tls-server-end-point:"[..], &nothing].concat());
}

/// Challenges that are almost right: some bytes of a good one changed, and cut or grown.
fn almost() -> impl Strategy<Value = Vec<u8>> {
    let good = prop_oneof![Just(hex(WINDOWS)), Just(hex(EXAMPLE))];
    let edits = proptest::collection::vec((8_usize..240, any::<u8>()), 0..12);
    let tail = proptest::collection::vec(any::<u8>(), 0..40);
    (good, edits, 0_usize..260, tail).prop_map(|(mut bytes, edits, length, tail)| {
        for (at, byte) in edits {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        bytes.truncate(length);
        bytes.extend_from_slice(&tail);
        bytes
    })
}

proptest! {
    #[test]
    fn nothing_panics(bytes in prop_oneof![almost(), proptest::collection::vec(any::<u8>(), 0..300)]) {
        let client = Client::new("CORP\\alice", "a password");
        let answer = client.authenticate(&bytes, &binding(Some([3; 16])), 5, [4; 8]);
        if let Ok(server) = Server::read(&bytes) {
            prop_assert!(server.to_string().chars().all(|c| !c.is_control()));
        }
        if let Ok(answer) = answer {
            // Whatever came in, what goes out is whole: our own reader finds every part.
            prop_assert_eq!(part(&answer, 36), &utf16("alice")[..]);
            prop_assert_eq!(pair_of(&answer, 10), Some(vec![3; 16]));
            prop_assert_eq!(pair_of(&answer, 9), Some(utf16("HTTP/mail.corp.example")));
        }
    }

    #[test]
    fn every_answer_proves_itself_to_who_knows_the_password(
        password in ".{0,40}", nonce: [u8; 8], server: [u8; 8], channel: [u8; 16]
    ) {
        let client = Client::new("CORP\\alice", &password);
        let mut challenge = hex(WINDOWS);
        challenge[24..32].copy_from_slice(&server);
        let answer = client.authenticate(&challenge, &binding(Some(channel)), 0, nonce).unwrap();
        let key = ntowf_v2("alice", "CORP", &password);
        let (proof, over) = part(&answer, 20).split_at(16);
        prop_assert_eq!(proof, hmac_md5(&key, &[&server, over]));
        let mut bare = answer.clone();
        bare[MIC_AT..HEAD].fill(0);
        let session = hmac_md5(&key, &[proof]);
        prop_assert_eq!(&answer[MIC_AT..HEAD], hmac_md5(&session, &[&client.negotiate(), &challenge, &bare]));
    }
}
