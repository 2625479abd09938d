import Basics
import Foundation
import Testing
import Transport

@Suite struct InMemoryLinkTests {
    private typealias Faults = InMemoryLink.Faults

    private func faults(_ change: (inout Faults) -> Void) -> Faults {
        var faults = Faults()
        faults.seed = 11
        change(&faults)
        return faults
    }

    /// What comes out when messages 0 ..< count go in, two frames each, all before the first is taken.
    private func output(_ faults: Faults, count: Int = 400) -> [[[UInt8]]] {
        let link = InMemoryLink(faults: faults)
        for number in 0..<count { _ = link.send(message(number), timeoutMilliseconds: 0) }
        var messages: [[[UInt8]]] = []
        while let frames = link.receive(timeoutMilliseconds: 0) { messages.append(frames.map { Array($0.bytes) }) }
        #expect(link.waitingCount == 0)
        return messages
    }

    private func message(_ number: Int) -> [Frame] {
        [Frame(copying: bytes(number)[0]), Frame(copying: bytes(number)[1])]
    }

    private func bytes(_ number: Int) -> [[UInt8]] {
        [[UInt8(number >> 8), UInt8(number & 255)], Array(repeating: 5, count: 30)]
    }

    private func numbers(_ messages: [[[UInt8]]]) -> [Int] { messages.map { Int($0[0][0]) << 8 | Int($0[0][1]) } }

    @Test("without faults everything arrives once, whole and in order")
    func clean() {
        #expect(output(Faults()) == (0..<400).map(bytes))
    }

    @Test("loss loses about its share and nothing else")
    func loss() {
        let arrived = numbers(output(faults { $0.lossShare = 0.25 }))
        #expect(arrived == arrived.sorted())
        #expect(Set(arrived).count == arrived.count)
        // 300 ± 4 standard deviations of 8.7.
        #expect((265...335).contains(arrived.count), "\(arrived.count) of 400")
        #expect(output(faults { $0.lossShare = 1 }).isEmpty)
    }

    @Test("duplication doubles about its share and nothing else")
    func duplicates() {
        let arrived = numbers(output(faults { $0.duplicateShare = 0.25 }))
        #expect(arrived == arrived.sorted())
        #expect(Set(arrived).count == 400)
        #expect((465...535).contains(arrived.count), "\(arrived.count) of 400")
    }

    @Test("reordering changes places, never what arrives")
    func reorder() {
        let arrived = numbers(output(faults { $0.reorderShare = 0.25 }))
        #expect(arrived.sorted() == Array(0..<400))
        let moved = zip(arrived, arrived.dropFirst()).count(where: { $0 > $1 })
        #expect((50...150).contains(moved), "\(moved) inversions")
    }

    @Test("a delayed message is overtaken by the next ones, and arrives in the end")
    func delay() {
        let link = InMemoryLink(
            faults: faults {
                $0.delayShare = 0.3
                $0.delayMessagesMax = 3
            })
        var arrived: [Int] = []
        for number in 0..<400 {
            _ = link.send(message(number), timeoutMilliseconds: 0)
            if link.waitingCount > 4, let frames = link.receive(timeoutMilliseconds: 0) {
                arrived += numbers([frames.map { Array($0.bytes) }])
            }
        }
        while let frames = link.receive(timeoutMilliseconds: 0) { arrived += numbers([frames.map { Array($0.bytes) }]) }
        #expect(arrived.sorted() == Array(0..<400))
        #expect(arrived != arrived.sorted())
        #expect(numbers(output(faults { $0.delayShare = 1 })).sorted() == Array(0..<400))
    }

    @Test("corruption changes one frame of about its share of messages, and never the sender's bytes")
    func corruption() {
        let arrived = output(faults { $0.corruptionShare = 0.25 })
        #expect(arrived.count == 400)
        let changed = zip(arrived, (0..<400).map(bytes)).filter { $0 != $1 }
        #expect((65...135).contains(changed.count), "\(changed.count) of 400")
        for (is_, was) in changed {
            let different = zip(is_, was).filter { $0 != $1 }
            #expect(different.count == 1)
            let (a, b) = different[0]
            let bits = zip(a, b).map { ($0 ^ $1).nonzeroBitCount }.reduce(0, +)
            #expect(a.count < b.count ? bits == 0 : bits == 1)
        }
        let own = message(3)
        let link = InMemoryLink(faults: faults { $0.corruptionShare = 1 })
        _ = link.send(own, timeoutMilliseconds: 0)
        #expect(own.map { Array($0.bytes) } == bytes(3))
    }

    @Test("all faults at once repeat with the seed, and differ with another")
    func seeds() {
        func all(seed: UInt64) -> [[[UInt8]]] {
            output(
                faults {
                    ($0.lossShare, $0.duplicateShare, $0.reorderShare) = (0.1, 0.1, 0.1)
                    ($0.delayShare, $0.corruptionShare, $0.seed) = (0.1, 0.1, seed)
                })
        }
        #expect(all(seed: 1) == all(seed: 1))
        #expect(all(seed: 1) != all(seed: 2))
    }

    @Test("a full link refuses in time, and a waiting end is woken by the other")
    func waiting() {
        let link = InMemoryLink(highWaterMark: 2)
        #expect(link.send(message(0), timeoutMilliseconds: 0))
        #expect(link.send(message(1), timeoutMilliseconds: 0))
        #expect(!link.send(message(2), timeoutMilliseconds: 10))
        let receiver = Thread { for _ in 0..<100 { _ = link.receive(timeoutMilliseconds: 10_000) } }
        receiver.start()
        for number in 2..<100 { #expect(link.send(message(number), timeoutMilliseconds: 10_000)) }
    }
}
