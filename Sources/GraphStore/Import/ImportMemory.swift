import Basics
import Foundation

/// How much memory an import may take, and how it is shared out.
public struct ImportMemory: Sendable {
    /// All of the process.
    let byteCount: Int
    /// As many as were asked for, but for what half of the memory holds.
    let threads: Int

    private static let ownBytes = 32 << 20
    /// Blocks of text and what is made of them.
    private static let threadBytes = 36 << 20

    /// - Parameters:
    ///   - byteCount: at least `byteCountMin`; nil: half of the machine's or the container's.
    ///   - threads: at least 1; nil: one for each processor.
    init(byteCount: Int?, threads: Int?) {
        self.byteCount = byteCount ?? Self.byteCountDefault
        let threads = threads ?? max(1, ProcessInfo.processInfo.activeProcessorCount)
        precondition(threads > 0, "ImportMemory: \(threads) threads")
        self.threads = max(1, min(threads, (self.byteCount - Self.ownBytes) / 2 / Self.threadBytes))
    }

    /// The least that may be asked for.
    public static let byteCountMin = 128 << 20
    /// Half of the machine's, or of the container's.
    private static var byteCountDefault: Int { max(byteCountMin, MachineMemory.byteCount / 2) }

    private var fixedBytes: Int { Self.ownBytes + threads * Self.threadBytes }

    /// What is left for ids, edges and rows.
    var tableBytes: Int { max(0, byteCount - fixedBytes) }

    /// - Throws: `GraphError` unless tables of `needed` bytes have room.
    func require(_ needed: Int, for what: String, _ path: String) throws {
        guard needed > tableBytes else { return }
        throw GraphError.bad(
            path: path, problem: "too little memory",
            expected: "\((needed + fixedBytes) >> 20 + 1)M for \(what) and more",
            found: "\(byteCount >> 20)M", action: "Raise --memory")
    }
}
