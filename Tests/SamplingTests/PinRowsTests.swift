import Basics
import Sampling
import Testing

@Suite struct PinRowsTests {
    @Test("rows are those of a dictionary filled in order of first appearance, while the table grows and when reused")
    func dictionary() {
        var random = CounterBasedGenerator(seed: 2, purpose: 100, 0, 0)
        let rows = PinRows()
        for round in 0..<100 {
            rows.removeAll()
            var expected: [UInt32: Int32] = [:]
            var order: [UInt32] = []
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let bound = UInt32.max >> UInt32.random(in: 0...31, using: &random)
                let count = Int.random(in: 0...300, using: &random)
                let pins = (0..<count).map { _ in UInt32.random(in: 0...bound, using: &random) }
                rows.reserve(count)
                var found = [Int32](repeating: -1, count: count)
                rows.insert(pins, count: count, rows: &found)
                for (pin, row) in zip(pins, found) {
                    if expected[pin] == nil {
                        expected[pin] = Int32(order.count)
                        order.append(pin)
                    }
                    #expect(expected[pin] == row, "round \(round), pin \(pin)")
                }
            }
            #expect((0..<rows.count).map { rows.pins[$0] } == order, "round \(round)")
        }
    }
}
