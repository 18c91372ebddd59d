//! TFRecord, TensorFlow's file of records: a length, its checksum, the bytes, their checksum.
//!
//! Lengths are 64 bits, checksums 32, both little-endian. A checksum is the CRC-32C of the bytes, rotated and added to, because a
//! CRC over data that holds CRCs is weak.

use std::io::{ErrorKind, Read};

use crate::{Code, Error, Result};

/// A length and its checksum.
pub const HEADER_BYTES: usize = 12;
/// The checksum behind the bytes.
pub const FOOTER_BYTES: usize = 4;
/// A record may be this long: protobuf's own limit.
const MAX_RECORD_BYTES: u64 = i32::MAX as u64;
/// What a length that was read is believed at once; more memory is taken as bytes come.
const FIRST_READ_BYTES: usize = 1 << 20;

const POLYNOMIAL: u32 = 0x82f6_3b78;
/// Eight tables, so that a step takes eight bytes.
const TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ POLYNOMIAL
            } else {
                crc >> 1
            };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[table - 1][byte];
            tables[table][byte] = before >> 8 ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

/// The CRC-32C (Castagnoli) of `bytes`.
pub fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let [a, b, c, d, e, f, g, h] = *word;
        let low = crc ^ u32::from_le_bytes([a, b, c, d]);
        let [a, b, c, d] = low.to_le_bytes();
        let bytes = [a, b, c, d, e, f, g, h];
        crc = 0;
        for (table, byte) in TABLES.iter().rev().zip(bytes) {
            crc ^= table[usize::from(byte)];
        }
    }
    for byte in rest {
        crc = crc >> 8 ^ TABLES[0][usize::from(crc as u8 ^ byte)];
    }
    !crc
}

/// The checksum as records carry it.
pub fn masked_crc32c(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Reads records one by one.
pub struct RecordReader<R> {
    source: R,
    offset: u64,
}

impl<R: Read> RecordReader<R> {
    /// Reads from the beginning of a file.
    pub fn new(source: R) -> Self {
        Self { source, offset: 0 }
    }

    /// Reads the next record into `record`; false at the end. As in TensorFlow, a file cut within a header ends before it.
    ///
    /// # Errors
    /// `DATA_LOSS` with TensorFlow's texts for a record that was cut or changed, `UNKNOWN` when the source cannot be read.
    pub fn next(&mut self, record: &mut Vec<u8>) -> Result<bool> {
        let at = self.offset;
        if !self.fill(record, HEADER_BYTES)? {
            return Ok(false);
        }
        let length = self.checked(record, at)?;
        let length = <[u8; 8]>::try_from(length).map_or(0, u64::from_le_bytes);
        let cut = || {
            let text =
                format!("truncated record at {at}' failed with Read less bytes than requested");
            Error::new(Code::DataLoss, text)
        };
        if length > MAX_RECORD_BYTES {
            return Err(cut());
        }
        let length = usize::try_from(length).map_err(|_| cut())?;
        if !self.fill(record, length + FOOTER_BYTES)? {
            return Err(cut());
        }
        self.checked(record, at + HEADER_BYTES as u64)?;
        record.truncate(length);
        self.offset = at + (HEADER_BYTES + length + FOOTER_BYTES) as u64;
        Ok(true)
    }

    /// Where in the file the next record begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The bytes before a checksum that fits them.
    fn checked<'b>(&self, bytes: &'b [u8], at: u64) -> Result<&'b [u8]> {
        let (data, sum) = bytes.split_at(bytes.len() - FOOTER_BYTES);
        if sum == masked_crc32c(data).to_le_bytes() {
            return Ok(data);
        }
        let hint = if at == 0 {
            " (Is this even a TFRecord file?)"
        } else {
            ""
        };
        Err(Error::new(
            Code::DataLoss,
            format!("corrupted record at {at}{hint}"),
        ))
    }

    /// Reads exactly `wanted` bytes; false if there are fewer.
    fn fill(&mut self, into: &mut Vec<u8>, wanted: usize) -> Result<bool> {
        into.clear();
        while into.len() < wanted {
            let start = into.len();
            let step = (wanted - start).min(FIRST_READ_BYTES.max(start));
            into.resize(start + step, 0);
            let mut filled = start;
            while filled < into.len() {
                match self.source.read(&mut into[filled..]) {
                    Ok(0) => return Ok(false),
                    Ok(count) => filled += count,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(Error::new(Code::Unknown, error.to_string())),
                }
            }
        }
        Ok(true)
    }
}

/// Appends one record.
pub fn write(record: &[u8], out: &mut Vec<u8>) {
    let length = (record.len() as u64).to_le_bytes();
    out.reserve(HEADER_BYTES + record.len() + FOOTER_BYTES);
    out.extend_from_slice(&length);
    out.extend_from_slice(&masked_crc32c(&length).to_le_bytes());
    out.extend_from_slice(record);
    out.extend_from_slice(&masked_crc32c(record).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What TensorFlow 2.21 writes for the records `hello` and `world!`.
    const TWO: &[u8] = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\xbb\x1f\x1c\x19\x06\0\0\0\0\0\0\0\x73\x69\xd5\x37world!\x0a\xc6\xaf\x4f";

    fn read(bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut reader = RecordReader::new(bytes);
        let (mut record, mut all) = (Vec::new(), Vec::new());
        while reader.next(&mut record)? {
            all.push(record.clone());
        }
        Ok(all)
    }

    #[test]
    fn the_checksum_is_the_castagnoli_polynomial_s() {
        // RFC 3720, appendix B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&ascending), 0x46dd_794e);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(b""), 0);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut bytes = Vec::new();
        let records = [vec![], vec![7], vec![9; 3_000_000]];
        for record in &records {
            write(record, &mut bytes);
        }
        assert_eq!(read(&bytes), Ok(records.to_vec()));
        assert_eq!(read(b""), Ok(vec![]));
    }

    #[test]
    fn tensorflow_s_bytes_are_read_and_written() {
        let bytes = {
            let mut out = Vec::new();
            write(b"hello", &mut out);
            write(b"world!", &mut out);
            out
        };
        assert_eq!(
            read(&bytes),
            Ok(vec![b"hello".to_vec(), b"world!".to_vec()])
        );
        assert_eq!(bytes, TWO);
    }

    #[test]
    fn damage_is_told_in_tensorflow_s_words_and_place() {
        let changed = |at: usize| {
            let mut bytes = TWO.to_vec();
            bytes[at] ^= 1;
            read(&bytes).map_err(|error| (error.code, error.message))
        };
        let corrupt = |text: &str| Err((Code::DataLoss, format!("corrupted record at {text}")));
        assert_eq!(changed(2), corrupt("0 (Is this even a TFRecord file?)"));
        assert_eq!(changed(13), corrupt("12"));
        assert_eq!(changed(23), corrupt("21"));
        assert_eq!(changed(34), corrupt("33"));
    }

    #[test]
    fn a_cut_file_ends_before_a_broken_header_and_fails_in_a_broken_record() {
        let cut = |length: usize| read(&TWO[..length]);
        let truncated = |at: u64| {
            let text =
                format!("truncated record at {at}' failed with Read less bytes than requested");
            Err(Error::new(Code::DataLoss, text))
        };
        assert_eq!(cut(5), Ok(vec![]));
        assert_eq!(cut(12), truncated(0));
        assert_eq!(cut(14), truncated(0));
        assert_eq!(cut(26), Ok(vec![b"hello".to_vec()]));
        assert_eq!(cut(33), truncated(21));
        assert_eq!(cut(TWO.len() - 2), truncated(21));
    }

    #[test]
    fn a_length_that_no_record_has_takes_no_memory() {
        let length = (1u64 << 40).to_le_bytes();
        let mut bytes = length.to_vec();
        bytes.extend(masked_crc32c(&length).to_le_bytes());
        assert!(read(&bytes).is_err_and(|error| error.code == Code::DataLoss));
    }
}
