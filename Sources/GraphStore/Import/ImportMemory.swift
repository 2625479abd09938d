import Foundation

/// How much memory an import may take, and how it is shared out.
public struct ImportMemory: Sendable {
    /// All of the process.
    let byteCount: Int
    let threads: Int

    /// - Parameters:
    ///   - byteCount: at least `byteCountMin`; nil: half of the machine's.
    ///   - threads: at least 1; nil: one for each processor.
    init(byteCount: Int?, threads: Int?) {
        self.byteCount = byteCount ?? Self.byteCountDefault
        self.threads = threads ?? max(1, ProcessInfo.processInfo.activeProcessorCount)
        precondition(self.threads > 0, "ImportMemory: \(self.threads) threads")
    }

    /// The least that may be asked for.
    public static let byteCountMin = 128 << 20
    /// Half of the machine's.
    private static var byteCountDefault: Int { max(byteCountMin, Int(ProcessInfo.processInfo.physicalMemory / 2)) }

    /// The process itself, and for each thread blocks of text with what is made of them.
    private var fixedBytes: Int { (32 << 20) + threads * (24 << 20) }

    /// What is left for ids, edges and rows.
    var tableBytes: Int { max(0, byteCount - fixedBytes) }

    /// - Throws: `GraphError` unless tables of `needed` bytes have room.
    func require(_ needed: Int, for what: String, _ path: String) throws {
        guard needed > tableBytes else { return }
        throw GraphError.bad(
            path: path, problem: "too little memory", expected: "\((needed + fixedBytes) >> 20 + 1)M for \(what) and more",
            found: "\(byteCount >> 20)M", action: "Raise --memory")
    }
}
