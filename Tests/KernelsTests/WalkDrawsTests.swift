import Kernels
import Testing

@Suite struct WalkDrawsTests {
    /// An output with a word on each side that must stay.
    private static func unset(_ count: Int) -> [UInt32] { [UInt32](repeating: 77, count: count + 2) }

    @Test("walks' numbers and returns are the formula's at every count", arguments: InstructionSet.available)
    func formula(set: InstructionSet) {
        var random = Numbers(seed: 5)
        for count in Array(set.awkwardCounts) + [200, 1001] {
            for threshold in [0, 1 << 63, UInt64.max, random.next()] {
                let (first, second) = (random.next(), random.next())
                // Read from off any boundary.
                let bases = (0...count).map { _ in random.next() }
                var (highs, lows, returns) = (Self.unset(count), Self.unset(count), Self.unset(count))
                bases.withUnsafeBufferPointer { bases in
                    highs.withUnsafeMutableBufferPointer { highs in
                        lows.withUnsafeMutableBufferPointer { lows in
                            returns.withUnsafeMutableBufferPointer { returns in
                                Kernels(instructionSet: set).walkDraws(
                                    bases: bases.baseAddress! + 1, count: count, first: first, second: second,
                                    threshold: threshold, highs: highs.baseAddress! + 1, lows: lows.baseAddress! + 1,
                                    returns: returns.baseAddress! + 1)
                            }
                        }
                    }
                }
                var expected: [[UInt32]] = [[77], [77], [77]]
                for base in bases.dropFirst() {
                    let draw = ScalarKernels.walkDraw(base: base, first: first, second: second, threshold: threshold)
                    expected[0].append(UInt32(draw.number >> 32))
                    expected[1].append(UInt32(truncatingIfNeeded: draw.number))
                    expected[2].append(draw.returns ? .max : 0)
                }
                for i in 0..<3 { expected[i].append(77) }
                #expect([highs, lows, returns] == expected, "\(set), \(count) walks, threshold \(threshold)")
            }
        }
    }
}
