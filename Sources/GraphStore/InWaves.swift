import Artifacts
import Synchronization

/// Makes blocks by several threads, and uses them in order, while the next ones are made.
///
/// - Parameters:
///   - make: makes block `index`; from any thread.
///   - use: takes block after block.
/// - Complexity: memory for 8 blocks a thread.
func inWaves<Block: Sendable>(
    _ count: Int, threads: Int, make: (_ index: Int) -> Block, use: (_ index: Int, Block) throws -> Void
) throws {
    let waveBlocks = 4 * threads
    let before = Mutex<[Block?]>([])
    for first in stride(from: 0, to: count + waveBlocks, by: waveBlocks) {
        let wave = min(first, count)..<min(first + waveBlocks, count)
        let ready = before.withLock { blocks in
            defer { blocks = Array(repeating: nil, count: wave.count) }
            return blocks
        }
        let next = Atomic<Int>(0)
        try inParallel(threads + 1) { thread in
            if thread == 0 {
                for (i, block) in ready.enumerated() {
                    if let block { try use(first - waveBlocks + i, block) }
                }
            }
            while case let i = next.add(1, ordering: .relaxed).oldValue, i < wave.count {
                let block = make(wave.lowerBound + i)
                before.withLock { $0[i] = block }
            }
        }
    }
}

/// Appends rows to a `.npy` file of float32 rows, made in blocks by several threads.
///
/// - Parameters:
///   - body: adds to some consecutive rows, (rows × width), which are zero; from any thread.
///   - progress: called with the number of rows written.
func appendRows(
    to writer: NumpyWriter, rowCount: Int, width: Int, threads: Int,
    _ body: (_ rows: Range<Int>, _ into: UnsafeMutablePointer<Float>) -> Void, progress: (Int) -> Void
) throws {
    let blockRows = max(1, min(1024, (1 << 18) / width))
    try inWaves((rowCount + blockRows - 1) / blockRows, threads: threads) { block in
        let rows = (block * blockRows)..<min((block + 1) * blockRows, rowCount)
        return unsafe [Float](unsafeUninitializedCapacity: rows.count * width) { buffer, count in
            guard let base = buffer.baseAddress else { return }
            unsafe base.initialize(repeating: 0, count: rows.count * width)
            unsafe body(rows, base)
            count = rows.count * width
        }
    } use: { block, values in
        try writer.append(values)
        progress(min((block + 1) * blockRows, rowCount))
    }
}
