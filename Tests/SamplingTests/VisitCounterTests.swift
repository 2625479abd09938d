import Basics
import Sampling
import Testing

@Suite struct VisitCounterTests {
    /// The definition: a dictionary, sorted.
    private func expected(_ visits: [UInt32], except origin: UInt32, top: Int) -> [[UInt32]] {
        var counts: [UInt32: UInt32] = [:]
        for pin in visits where pin != origin { counts[pin, default: 0] += 1 }
        let ranked = counts.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key }
        return ranked.prefix(top).map { [$0.key, $0.value] }
    }

    private func take(_ counter: VisitCounter, except origin: UInt32, top: Int) -> [[UInt32]] {
        var pins = [UInt32](repeating: 0, count: top)
        var visits = [Int32](repeating: 0, count: top)
        let count = counter.takeTop(except: origin, keys: &pins, visits: &visits)
        return (0..<count).map { [pins[$0], UInt32(visits[$0])] }
    }

    @Test("the most visited pins are those that a dictionary finds, whatever the ties, again and again")
    func dictionary() {
        var random = CounterBasedGenerator(seed: 1, purpose: 100, 0, 0)
        for top in [1, 2, 3, 7, 25, 600] {
            let counter = VisitCounter(visitsMax: 500, distinctMax: .max, top: top)
            for round in 0..<200 {
                let count = Int.random(in: 0...500, using: &random)
                // From few pins with many ties to all of 32 bits.
                let bound = UInt32.max >> UInt32.random(in: 0...31, using: &random)
                let visits = (0..<count).map { _ in UInt32.random(in: 0...bound, using: &random) }
                let origin = visits.randomElement(using: &random) ?? 3
                let cut = Int.random(in: 0...count, using: &random)
                counter.add(Array(visits[..<cut]), rows: 1, columns: cut, stride: cut)
                counter.add(Array(visits[cut...]), rows: count - cut, columns: 1, stride: 1)
                #expect(counter.distinctCount == Set(visits).count)
                #expect(
                    take(counter, except: origin, top: top) == expected(visits, except: origin, top: top),
                    "top \(top), round \(round)")
                #expect(counter.distinctCount == 0)
            }
        }
    }

    @Test("a block of visits is read row by row at its stride")
    func blocks() {
        let counter = VisitCounter(visitsMax: 100, distinctMax: 100, top: 10)
        // 3 rows of 5; counted are columns 1 and 2.
        let visits: [UInt32] = [90, 1, 2, 91, 92, 93, 1, 3, 94, 95, 96, 2, 1, 97, 98]
        visits.withUnsafeBufferPointer { counter.add($0.baseAddress! + 1, rows: 3, columns: 2, stride: 5) }
        #expect(take(counter, except: 77, top: 10) == [[1, 3], [2, 2], [3, 1]])
    }

    @Test("a table full of different pins in the worst order still counts")
    func full() {
        let counter = VisitCounter(visitsMax: 5, distinctMax: 5, top: 5)
        let visits: [UInt32] = [0, 0x8000_0000, 0x4000_0000, 0xC000_0000, .max]
        counter.add(visits, rows: 1, columns: 5, stride: 5)
        #expect(take(counter, except: 1, top: 5).map { $0[0] } == visits.sorted())
    }
}
