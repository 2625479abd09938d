import Foundation

/// Where a command puts its files: a folder that goes when they have been timed, or one that was named and stays.
struct ScratchFolder {
    let path: String
    private let isKept: Bool

    /// Makes nothing: whoever writes makes the folder.
    init(keeping kept: String? = nil) {
        path = kept ?? NSTemporaryDirectory() + "pinsage-bench-\(ProcessInfo.processInfo.processIdentifier)"
        isKept = kept != nil
    }

    /// Removes the folder unless it stays.
    func remove() {
        if !isKept { try? FileManager.default.removeItem(atPath: path) }
    }
}
