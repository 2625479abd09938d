// What the machine can do at most, for benchmarks.

extension Kernels {
    /// Multiply-adds in registers on every thread of the team.
    ///
    /// - Returns: the floating-point operations done, two for each multiply-add.
    package func multiplyAddsInRegisters(rounds: Int) -> Double {
        team.run(chunks: team.threadCount) { chunk in
            let sum = loops.registerMultiplyAdds(rounds, 0.5, Float(chunk))
            require(sum.isFinite, "multiplyAddsInRegisters: sum \(sum)")
        }
        return 2 * Double(rounds) * Double(loops.registerChains()) * Double(team.threadCount)
    }

    /// Dot products of bfloat16 pairs in registers on every thread of the team.
    ///
    /// - Returns: the floating-point operations done, four for each pair; nil where this CPU has none.
    package func pairDotsInRegisters(rounds: Int) -> Double? {
        guard Precision.hasBFloat16, let loops = PairLoops.all else { return nil }
        team.run(chunks: team.threadCount) { chunk in
            let sum = loops.registerDots(rounds, Int32(chunk))
            require(sum.isFinite, "pairDotsInRegisters: sum \(sum)")
        }
        return 4 * Double(rounds) * 12 * 16 * Double(team.threadCount)
    }

    /// Reads the buffer once, in order, shared out among the team's threads.
    ///
    /// - Returns: the bytes read.
    package func read(_ buffer: FloatBuffer) -> Double {
        let share = buffer.count / team.threadCount / 64 * 64
        team.run(chunks: team.threadCount) { chunk in
            let sum = unsafe loops.streamSum(buffer.base + chunk * share, share)
            require(sum.isFinite, "read: sum \(sum)")
        }
        return 4 * Double(share) * Double(team.threadCount)
    }

    /// Reads the rows once, shared out among the team's threads.
    ///
    /// - Returns: the bytes read.
    package func read(_ scattered: ScatteredRows) -> Double {
        let share = scattered.rows.count / team.threadCount
        unsafe scattered.rows.withUnsafeBufferPointer { rows in
            guard let base = rows.baseAddress else { return }
            team.run(chunks: team.threadCount) { chunk in
                let sum = unsafe loops.scatteredSum(scattered.buffer.base, base + chunk * share, share)
                require(sum.isFinite, "read: sum \(sum)")
            }
        }
        return 4 * Double(ScatteredRows.width * share * team.threadCount)
    }
}

/// Rows of 512 bytes at places all over a buffer.
package struct ScatteredRows: Sendable {
    package static let width = 128
    fileprivate let buffer: FloatBuffer
    fileprivate let rows: [Int32]

    package init(_ rows: [Int32], in buffer: FloatBuffer) {
        let count = buffer.count / Self.width
        require(rows.allSatisfy { $0 >= 0 && Int($0) < count }, "ScatteredRows: a row beyond the \(count) there are")
        (self.buffer, self.rows) = (buffer, rows)
    }
}
