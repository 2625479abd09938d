import Basics
import Testing

@Suite struct CounterBasedGeneratorTests {
    /// Known answers of the Random123 distribution (kat_vectors, philox4x32 10 rounds).
    @Test("Philox4x32-10 gives the published values")
    func knownAnswers() {
        let zero = CounterBasedGenerator.block(key: 0, counter: SIMD4(0, 0, 0, 0))
        #expect(zero == SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
        let ones = CounterBasedGenerator.block(key: .max, counter: SIMD4(repeating: .max))
        #expect(ones == SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
        let digits = CounterBasedGenerator.block(
            key: 0x299f_31d0_a409_3822, counter: SIMD4(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344))
        #expect(digits == SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
    }

    @Test("streams of different purpose, window or pin differ, and the same arguments repeat")
    func streams() {
        func first(_ purpose: UInt32, _ a: UInt64, _ b: UInt32) -> [UInt64] {
            var generator = CounterBasedGenerator(seed: 7, purpose: purpose, a, b)
            return (0..<4).map { _ in generator.next() }
        }
        #expect(first(1, 2, 3) == first(1, 2, 3))
        let streams = [first(1, 2, 3), first(2, 2, 3), first(1, 3, 3), first(1, 2, 4)]
        #expect(Set(streams).count == streams.count)
    }
}
