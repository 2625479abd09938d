import Glibc
import Kernels
import Testing

/// Inputs that end where the process's memory ends: reading one element past them is a crash.
@Suite struct PageEndTests {
    @Test("no kernel reads past the end of its inputs", arguments: InstructionSet.available)
    func readsEnd(set: InstructionSet) {
        let kernels = Kernels(instructionSet: set)
        for n in set.awkwardCounts {
            let (a, b, bT, dC) = (PageEnd(7, 5), PageEnd(5, n), PageEnd(n, 5), PageEnd(7, n))
            let (c, dB, row) = (Island(unset: 7, n), Island(unset: 5, n), Island(unset: 1, n))
            let norms = Island(unset: 1, 7)
            kernels.multiply(a.matrix, b.matrix, into: c.matrix, epilogue: .reluMask(dC.matrix))
            kernels.multiplyTransposedB(a.matrix, bT.matrix, into: c.matrix)
            kernels.multiplyTransposedA(a.matrix, dC.matrix, into: dB.matrix)
            kernels.multiplyTransposedA(dC.matrix, a.matrix, into: Island(unset: n, 5).matrix)
            kernels.columnSums(dC.matrix, into: row.base)
            kernels.l2Normalize(dC.matrix, into: c.matrix, norms: norms.base)
            Lists(offsets: [0, 3, 3], indices: [0, 6, 6], weights: [1, 2, 3]).withLists {
                kernels.weightedPool($0, from: dC.matrix, into: Island(unset: 2, n).matrix)
            }
            Lists(offsets: [0, 3, 3], indices: [0, 6, 6], weights: [1, 2, 3]).withLists {
                kernels.maxPool($0, from: dC.matrix, into: Island(unset: 2, n).matrix)
            }
            kernels.gatherRows([6, 6], count: 2, from: dC.matrix, into: Island(unset: 2, n).matrix)
            _ = kernels.sumOfSquares(dC.matrix.base, count: 7 * n)
            #expect([c, dB, row, norms].allSatisfy { $0.isSeaUntouched }, "\(set), width \(n)")
            withExtendedLifetime((a, b, bT, dC)) {}
        }
    }
}

/// A dense matrix of ones whose last element is followed by a page that must not be touched.
private final class PageEnd {
    private let start: UnsafeMutableRawPointer
    private let byteCount: Int
    let matrix: Matrix

    init(_ rows: Int, _ columns: Int) {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let readable = (rows * columns * 4 + page) / page * page
        byteCount = readable + page
        let memory = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let memory, memory != MAP_FAILED, mprotect(memory + readable, page, PROT_NONE) == 0 else {
            fatalError("no memory for a page that must not be touched: errno \(errno)")
        }
        start = memory
        let base = (memory + readable - rows * columns * 4).bindMemory(to: Float.self, capacity: rows * columns)
        base.initialize(repeating: 1, count: rows * columns)
        matrix = Matrix(base: base, rows: rows, columns: columns, stride: columns)
    }

    deinit { munmap(start, byteCount) }
}
