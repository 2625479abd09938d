import Basics
import Configuration
import GraphStore
import Minibatches

/// Draws hard negatives out of rank bands: first a query's candidates for an epoch, then a pair's few out of these.
///
/// Pure: candidates depend on (graph, seed, epoch, query, band), a pair's negatives on (seed, batch, pair, candidates).
public struct HardNegativeDraw {
    static let candidatePurpose: UInt32 = 13
    static let pairPurpose: UInt32 = 14

    private let graph: BipartiteGraph
    private let seed: UInt64
    private let excludesCoSaved: Bool
    private let hidden: HiddenBoards

    public init(graph: BipartiteGraph, settings: PipelineSettings) {
        self.graph = graph
        seed = settings.seed
        excludesCoSaved = settings.hardNegatives.excludeCoSaved
        hidden = .validation(settings)
    }

    /// Whether two pins share a board, as far as training knows: boards held out for validation do not count.
    func areCoSaved(_ first: UInt32, _ second: UInt32) -> Bool {
        graph.shareBoard(first, second) { !hidden.hides($0) }
    }

    /// Different pins of the band in the order in which they were drawn, at most `HardNegativeTable.candidatesMax`;
    /// fewer where the band has fewer that may be drawn.
    ///
    /// - Parameter band: ascending; the query is not among them.
    public func candidates(of query: UInt32, epoch: UInt64, from band: [UInt32]) -> [UInt32] {
        var random = CounterBasedGenerator(seed: seed, purpose: Self.candidatePurpose, epoch, query)
        var left = band
        var drawn: [UInt32] = []
        while !left.isEmpty, drawn.count < HardNegativeTable.candidatesMax {
            let index = Int(random.next(below: left.count))
            left.swapAt(index, left.count - 1)
            let pin = left.removeLast()
            if excludesCoSaved && areCoSaved(query, pin) { continue }
            drawn.append(pin)
        }
        return drawn
    }

    /// A pair's hard negatives: neighbours in the candidates' circle from a drawn place on, so that they differ as long
    /// as there are enough. Where there is no candidate, the query itself, which no loss counts.
    public func negatives(
        _ count: Int, from candidates: [UInt32], query: UInt32, pair: Int, batchIndex: UInt64
    ) -> [UInt32] {
        unsafe [UInt32](unsafeUninitializedCapacity: count) { buffer, initialized in
            initialized = count
            guard let base = buffer.baseAddress else { return }
            unsafe candidates.withUnsafeBufferPointer {
                unsafe draw(count, from: $0, query: query, pair: pair, batchIndex: batchIndex, into: base)
            }
        }
    }

    /// The same, written to `pins`: room for `count`.
    func draw(
        _ count: Int, from candidates: UnsafeBufferPointer<UInt32>, query: UInt32, pair: Int, batchIndex: UInt64,
        into pins: UnsafeMutablePointer<UInt32>
    ) {
        if candidates.isEmpty { return unsafe pins.update(repeating: query, count: count) }
        var random = CounterBasedGenerator(
            seed: seed, purpose: Self.pairPurpose, batchIndex, UInt32(truncatingIfNeeded: pair))
        let start = Int(random.next(below: candidates.count))
        for index in 0..<count { unsafe pins[index] = candidates[(start + index) % candidates.count] }
    }
}
