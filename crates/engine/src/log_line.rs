//! TensorFlow's log lines: what they say, and how our log says it.

use std::fmt::Write;

/// How serious a line is, by pino's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "the usual levels")]
pub enum Level {
    Debug = 20,
    Info = 30,
    Warn = 40,
    Error = 50,
    Fatal = 60,
}

/// A line of TensorFlow's.
#[derive(Debug, PartialEq, Eq)]
pub struct LogLine<'a> {
    /// Its level.
    pub level: Level,
    /// File and line of the source, such as `port.cc:153`.
    pub source: &'a str,
    /// What it says.
    pub text: &'a str,
}

/// Printed once before TensorFlow's log is set up; says nothing of use.
const PREAMBLE: &str = "WARNING: All log messages before absl::InitializeLog()";

/// The second line of a message of two, on every machine whose processor can do more than the build asks for.
const SECOND_LINE: &str = "To enable the following instructions: ";

/// Reads a line without its newline; `None` if it is not TensorFlow's.
///
/// Two forms: `2026-01-31 12:00:00.123456: I tensorflow/core/a.cc:7] text` and absl's `I0131 12:00:00.123456 1234 a.cc:7] text`.
pub fn parse(line: &str) -> Option<LogLine<'_>> {
    let without_head = [(PREAMBLE, Level::Debug), (SECOND_LINE, Level::Info)];
    if let Some((_, level)) = without_head.iter().find(|(it, _)| line.starts_with(it)) {
        return Some(LogLine {
            level: *level,
            source: "",
            text: line,
        });
    }
    let (head, text) = line
        .split_once("] ")
        .or_else(|| Some((line.strip_suffix(']')?, "")))?;
    let (level, source) = dated(head).or_else(|| absl(head))?;
    let level = match level {
        "I" => Level::Info,
        "W" => Level::Warn,
        "E" => Level::Error,
        "F" => Level::Fatal,
        _ => return None,
    };
    Some(LogLine {
        level,
        source,
        text,
    })
}

/// `2026-01-31 12:00:00.123456: I tensorflow/core/a.cc:7`
fn dated(head: &str) -> Option<(&str, &str)> {
    let (date, rest) = head.split_once(' ')?;
    let (time, rest) = rest.split_once(": ")?;
    let (level, source) = rest.split_once(' ')?;
    let is_date = date.len() == 10 && looks_like(date, "-");
    (is_date && is_time(time) && is_source(source)).then_some((level, source))
}

/// `I0131 12:00:00.123456    1234 a.cc:7`; before the log is set up the date is 0000 and the seconds are those of Unix.
fn absl(head: &str) -> Option<(&str, &str)> {
    let mut words = head.split_ascii_whitespace();
    let (date, time) = (words.next()?, words.next()?);
    let (thread, source) = (words.next()?, words.next()?);
    let level = date.get(..1)?;
    let is_head = date.len() == 5
        && looks_like(date.get(1..)?, "")
        && is_time(time)
        && looks_like(thread, "")
        && words.next().is_none()
        && is_source(source);
    is_head.then_some((level, source))
}

fn is_time(time: &str) -> bool {
    time.len() >= 8 && looks_like(time, ":.")
}

fn looks_like(text: &str, others: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|it| it.is_ascii_digit() || others.contains(it))
}

fn is_source(source: &str) -> bool {
    !source.contains(' ')
        && source
            .rsplit_once(':')
            .is_some_and(|(file, line)| !file.is_empty() && looks_like(line, ""))
}

/// Appends a line as pino writes it, with its newline. `time_ms` is Unix time.
pub fn print_json(line: &LogLine<'_>, time_ms: u128, out: &mut String) {
    let level = line.level as u8;
    let _ = write!(
        out,
        "{{\"level\":{level},\"time\":{time_ms},\"component\":\"tensorflow\""
    );
    if !line.source.is_empty() {
        out.push_str(",\"source\":");
        quote(line.source, out);
    }
    out.push_str(",\"msg\":");
    quote(line.text, out);
    out.push_str("}\n");
}

/// Appends a line for people, as `ts/logger.ts` writes it, with its newline.
pub fn print_text(line: &LogLine<'_>, time_ms: u128, out: &mut String) {
    let level = match line.level {
        Level::Debug => "DEBUG",
        Level::Info => "INFO",
        Level::Warn => "WARN",
        Level::Error => "ERROR",
        Level::Fatal => "FATAL",
    };
    let of_day = time_ms % 86_400_000;
    let (seconds, ms) = (of_day / 1000, of_day % 1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let _ = write!(
        out,
        "{hours:02}:{minutes:02}:{seconds:02}.{ms:03} {level:5} {}  component=tensorflow",
        line.text
    );
    if !line.source.is_empty() {
        let _ = write!(out, "  source={}", line.source);
    }
    out.push('\n');
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for it in text.chars() {
        match it {
            '"' | '\\' => {
                out.push('\\');
                out.push(it);
            }
            '\0'..='\x1f' => {
                let _ = write!(out, "\\u{:04x}", u32::from(it));
            }
            _ => out.push(it),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let old = "2026-11-22 09:40:11.123456: W tensorflow/core/framework/op.cc:7] a] b: c";
        let found = parse(old);
        let wanted = LogLine {
            level: Level::Warn,
            source: "tensorflow/core/framework/op.cc:7",
            text: "a] b: c",
        };
        assert_eq!(found, Some(wanted));
        let absl =
            "I0000 00:00:1795340671.993280    8671 port.cc:153] oneDNN custom operations are on.";
        let found = parse(absl);
        let wanted = LogLine {
            level: Level::Info,
            source: "port.cc:153",
            text: "oneDNN custom operations are on.",
        };
        assert_eq!(found, Some(wanted));
        let fatal =
            "F1122 09:40:11.123456   12 tensor_shape.cc:356] Check failed: 2 == NDIMS() (2 vs. 1)";
        assert_eq!(parse(fatal).map(|it| it.level), Some(Level::Fatal));
        let preamble = "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR";
        assert_eq!(parse(preamble).map(|it| it.level), Some(Level::Debug));
        let second = "To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow";
        assert_eq!(parse(second).map(|it| it.level), Some(Level::Info));
    }

    #[test]
    fn what_is_not_tensorflows_is_left_alone() {
        for line in [
            "",
            "{\"level\":30,\"msg\":\"x [1] y\"}",
            "12:00:00.000 INFO  listening  x=[1]",
            "    at run (file.js:1:2) [as x]",
            "Segmentation fault",
            "I am a line] of text",
            "2026-11-22 09:40:11.123456: X a.cc:1] unknown level",
            "2026-11-22 nine: I a.cc:1] no time",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn printed_lines_are_whole() {
        let line = LogLine {
            level: Level::Error,
            source: "a.cc:1",
            text: "say \"no\"\\\u{1}é",
        };
        let mut out = String::new();
        print_json(&line, 12, &mut out);
        let wanted = "{\"level\":50,\"time\":12,\"component\":\"tensorflow\",\"source\":\"a.cc:1\",\"msg\":\"say \\\"no\\\"\\\\\\u0001é\"}\n";
        assert_eq!(out, wanted);
        out.clear();
        print_text(&line, 3_661_002, &mut out);
        assert!(out.starts_with("01:01:01.002 ERROR say"), "{out}");
        assert!(out.ends_with("  component=tensorflow  source=a.cc:1\n"));
    }
}
