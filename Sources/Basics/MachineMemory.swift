import Foundation

/// The memory that this process may hope for.
public enum MachineMemory {
    /// The machine's, or that of the container it runs in, where that has less.
    public static let byteCount: Int = {
        let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        return limits.compactMap { bytes(ofLimit: try? String(contentsOfFile: $0, encoding: .utf8)) }
            .reduce(Int(clamping: ProcessInfo.processInfo.physicalMemory), min)
    }()

    /// What a control group's file says; nil where there is none, or no limit (`max`).
    package static func bytes(ofLimit text: String?) -> Int? {
        text.flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }.flatMap { $0 > 0 ? $0 : nil }
    }
}
