use tokio::net::UnixListener;

use super::*;

const SHORT: Duration = Duration::from_millis(50);

fn socket() -> (tempfile::TempDir, PathBuf, UnixListener) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    (folder, path, listener)
}

/// Answers each frame by a rule, until the other side leaves.
async fn reader(listener: UnixListener, rule: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        while let Ok(request) = read_frame(&mut stream).await {
            let Some(answer) = rule(&request) else { continue };
            stream
                .write_u32(u32::try_from(answer.len()).unwrap())
                .await
                .unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_card_is_switched_on_and_spoken_to() {
    let (_folder, path, listener) = socket();
    tokio::spawn(reader(listener, |request| {
        Some(match request {
            [POWER_ON] => vec![0x3B, 0x80],
            [TRANSMIT, apdu @ ..] => [apdu, &[0x90, 0x00]].concat(),
            _ => Vec::new(),
        })
    }));
    let mut encoder = HallEncoder::new(path, Clock::system());
    let early = encoder.transmit(&[1], SHORT).await.unwrap_err();
    assert_eq!(early.code, &fault::FIELD_OFF);
    assert_eq!(encoder.power_on().await.unwrap(), [0x3B, 0x80]);
    assert_eq!(
        encoder.transmit(&[1, 2], SHORT).await.unwrap(),
        [1, 2, 0x90, 0x00]
    );
    encoder.power_off().await.unwrap();
}

#[tokio::test]
async fn no_card_and_no_answer_are_told_apart_and_nothing_is_sent_twice() {
    let (_folder, path, listener) = socket();
    let (seen, mut commands) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(reader(listener, move |request| match request {
        [TRANSMIT, 1] => Some(Vec::new()),
        [TRANSMIT, ..] => {
            seen.send(request.to_vec()).unwrap();
            None
        }
        _ => Some(vec![0x3B]),
    }));
    let mut encoder = HallEncoder::new(path, Clock::system());
    encoder.power_on().await.unwrap();
    assert_eq!(
        encoder.transmit(&[1], SHORT).await.unwrap_err().code,
        &fault::SILENT
    );
    assert_eq!(
        encoder.transmit(&[2], SHORT).await.unwrap_err().code,
        &fault::SILENT
    );
    assert_eq!(
        encoder.transmit(&[3], SHORT).await.unwrap_err().code,
        &fault::FIELD_OFF
    );
    assert_eq!(commands.recv().await.unwrap(), [TRANSMIT, 2]);
    assert!(commands.try_recv().is_err());
    encoder.power_on().await.unwrap();

    let (_folder, path, listener) = socket();
    tokio::spawn(reader(listener, |_| Some(Vec::new())));
    let mut empty = HallEncoder::new(path, Clock::system());
    assert_eq!(empty.power_on().await.unwrap_err().code, &fault::NO_CARD);
}

#[tokio::test]
async fn commands_go_together_and_the_rest_is_not_sent_after_a_refusal() {
    let (_folder, path, listener) = socket();
    let (seen, mut requests) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(reader(listener, move |request| {
        seen.send(request.to_vec()).unwrap();
        Some(match request {
            [POWER_ON] => vec![0x3B],
            [TRANSMIT, ..] => vec![0x90, 0x00],
            [FOLLOW, 2] => vec![0x6A, 0x80],
            [FOLLOW, 3] => NOT_SENT.to_vec(),
            _ => Vec::new(),
        })
    }));
    let commands = |commands: &[u8]| -> Vec<Zeroizing<Vec<u8>>> {
        commands
            .iter()
            .map(|command| Zeroizing::new(vec![*command]))
            .collect()
    };
    let mut encoder = HallEncoder::new(path, Clock::system());
    encoder.power_on().await.unwrap();
    let answers = encoder.transmit_all(&commands(&[1, 2, 3]), SHORT).await.unwrap();
    assert_eq!(answers, [[0x90, 0x00], [0x6A, 0x80]]);
    let heard = [
        vec![POWER_ON],
        vec![TRANSMIT, 1],
        vec![FOLLOW, 2],
        vec![FOLLOW, 3],
    ];
    for request in heard {
        assert_eq!(requests.recv().await.unwrap(), request);
    }
    let silent = encoder.transmit_all(&commands(&[1, 4]), SHORT).await.unwrap_err();
    assert_eq!(silent.code, &fault::SILENT);
}

#[tokio::test]
async fn too_long_an_answer_is_refused() {
    let (_folder, path, listener) = socket();
    tokio::spawn(reader(listener, |_| Some(vec![0; FRAME_BYTES_MAX + 1])));
    let mut encoder = HallEncoder::new(path, Clock::system());
    assert_eq!(encoder.power_on().await.unwrap_err().code, &fault::UNINTELLIGIBLE);
}

#[tokio::test(start_paused = true)]
async fn a_hall_that_never_comes_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut encoder = HallEncoder::new(folder.path().join("none"), Clock::system());
    assert_eq!(encoder.power_on().await.unwrap_err().code, &fault::UNREACHABLE);
}
