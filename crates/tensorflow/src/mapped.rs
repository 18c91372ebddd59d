//! Which TensorFlow libraries this process has mapped already.

use std::path::{Path, PathBuf};

/// Files of other TensorFlows that are mapped, those that lie beside `ours` left out. Empty where
/// the system has no `/proc/self/maps`.
pub(crate) fn other_tensorflows(ours: &Path) -> Vec<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    others_in(&maps, ours)
}

fn others_in(maps: &str, ours: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = maps
        .lines()
        // address, permissions, offset, device, inode, path; the path may hold spaces.
        .filter_map(|line| line.find('/').map(|start| Path::new(&line[start..])))
        .filter(|path| is_tensorflow(path) && path.parent() != ours.parent())
        .map(Path::to_path_buf)
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn is_tensorflow(path: &Path) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    [
        "libtensorflow.",
        "libtensorflow_cc.",
        "libtensorflow_framework.",
        "_pywrap_tensorflow_internal.",
    ]
    .iter()
    .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::others_in;
    use std::path::{Path, PathBuf};

    const MAPS: &str = "\
7f0000000000-7f0000001000 r-xp 00000000 08:01 1 /usr/lib/libc.so.6
7f0000002000-7f0000003000 r--p 00000000 08:01 2 /opt/my app/deps/lib/libtensorflow.so.2.9.1
7f0000003000-7f0000004000 r-xp 00001000 08:01 2 /opt/my app/deps/lib/libtensorflow.so.2.9.1
7f0000005000-7f0000006000 r-xp 00000000 08:01 3 /opt/tf/libtensorflow_framework.so.2
7f0000007000-7f0000008000 rw-p 00000000 00:00 0 [heap]
";

    #[test]
    fn another_tensorflow_is_found_once_and_our_own_is_not() {
        let other = PathBuf::from("/opt/my app/deps/lib/libtensorflow.so.2.9.1");
        assert_eq!(
            others_in(MAPS, Path::new("/opt/tf/libtensorflow_cc.so.2")),
            std::slice::from_ref(&other)
        );
        let framework = PathBuf::from("/opt/tf/libtensorflow_framework.so.2");
        assert_eq!(
            others_in(MAPS, Path::new("/elsewhere/libtensorflow_cc.so.2")),
            [other, framework]
        );
        assert!(others_in("", Path::new("/x")).is_empty());
    }
}
