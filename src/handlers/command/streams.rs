//! Input and output of a program, within limits.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};

const CHUNK_BYTES: usize = 8 * 1024;

/// Error while reading a program's output.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The output exceeds the maximum size of a result.
    TooLarge,
    /// I/O error.
    Io(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Output of a program: its complete standard output, and the end of its standard error.
pub(super) struct Output {
    stdout: Vec<u8>,
    stdout_bytes_max: usize,
    stderr: Tail,
}

impl Output {
    pub(super) fn new(stdout_bytes_max: usize, stderr_bytes_max: usize) -> Self {
        Self {
            stdout: Vec::new(),
            stdout_bytes_max,
            stderr: Tail {
                bytes: Vec::new(),
                bytes_max: stderr_bytes_max,
                is_drained: false,
            },
        }
    }

    /// Reads both streams to their ends. The output read so far is kept if this future is dropped.
    pub(super) async fn read(
        &mut self,
        stdout: Option<ChildStdout>,
        stderr: Option<ChildStderr>,
    ) -> Result<(), ReadError> {
        let Self {
            stdout: result,
            stdout_bytes_max,
            stderr: tail,
        } = self;
        let read_result = read_chunks(stdout, |chunk| {
            if result.len() + chunk.len() > *stdout_bytes_max {
                return Err(ReadError::TooLarge);
            }
            result.extend_from_slice(chunk);
            Ok(())
        });
        let read_tail = read_chunks(stderr, |chunk| {
            tail.push(chunk);
            Ok(())
        });
        tokio::try_join!(read_result, read_tail).map(|((), ())| ())
    }

    pub(super) fn stdout(&self) -> &[u8] {
        &self.stdout
    }

    /// The last bytes of standard error, from the start of a character.
    pub(super) fn stderr_tail(&self) -> &[u8] {
        self.stderr.as_bytes()
    }

    /// True if earlier standard error was dropped.
    pub(super) fn is_stderr_cut(&self) -> bool {
        self.stderr.is_cut()
    }
}

async fn read_chunks<S: AsyncRead + Unpin>(
    stream: Option<S>,
    mut take: impl FnMut(&[u8]) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let Some(mut stream) = stream else {
        return Ok(());
    };
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match stream.read(&mut chunk).await? {
            0 => return Ok(()),
            length => take(&chunk[..length])?,
        }
    }
}

/// Writes a program's input and closes the pipe.
pub(super) async fn feed(stdin: Option<ChildStdin>, input: &[u8]) {
    if let Some(mut stdin) = stdin {
        // A program need not read its input: it may close the pipe, or end, earlier.
        let _ = stdin.write_all(input).await;
    }
}

/// The last bytes of a stream of any length.
struct Tail {
    bytes: Vec<u8>,
    bytes_max: usize,
    /// True if bytes were dropped.
    is_drained: bool,
}

impl Tail {
    fn push(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
        // Twice the capacity, so that bytes are moved once per capacity, not once per chunk.
        if self.bytes.len() > 2 * self.bytes_max {
            self.bytes.drain(..self.bytes.len() - self.bytes_max);
            self.is_drained = true;
        }
    }

    fn is_cut(&self) -> bool {
        self.is_drained || self.bytes.len() > self.bytes_max
    }

    fn as_bytes(&self) -> &[u8] {
        let start = self.bytes.len().saturating_sub(self.bytes_max);
        let kept = &self.bytes[start..];
        if !self.is_cut() {
            return kept;
        }
        // The rest of a character that was cut; it has at most three continuation bytes.
        let rest = kept.iter().take(3).take_while(|&&byte| byte & 0xc0 == 0x80).count();
        &kept[rest..]
    }
}

#[cfg(test)]
mod tests {
    use super::Tail;
    use proptest::prelude::{any, prop, prop_assert_eq, proptest};

    fn tail_of(chunks: &[&[u8]], bytes_max: usize) -> Vec<u8> {
        let mut tail = Tail {
            bytes: Vec::new(),
            bytes_max,
            is_drained: false,
        };
        chunks.iter().for_each(|chunk| tail.push(chunk));
        tail.as_bytes().to_vec()
    }

    #[test]
    fn the_tail_starts_at_a_character_boundary() {
        assert_eq!(tail_of(&["aäb".as_bytes()], 2), b"b");
        assert_eq!(tail_of(&["aäb".as_bytes()], 3), "äb".as_bytes());
    }

    proptest! {
        #[test]
        fn the_tail_is_that_of_all_chunks_together(chunks in prop::collection::vec(prop::collection::vec(0_u8..0x80, 0..9), 0..9), max in 1_usize..20) {
            let all = chunks.concat();
            let slices: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(tail_of(&slices, max), &all[all.len().saturating_sub(max)..]);
        }

        #[test]
        fn no_bytes_cause_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..40), max in 0_usize..9) {
            drop(tail_of(&[&bytes], max));
        }
    }
}
