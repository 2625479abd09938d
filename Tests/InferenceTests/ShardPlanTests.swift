import Artifacts
import Basics
import Foundation
import Inference
import Testing

@Suite("Shards of pins and slices of columns")
struct ShardPlanTests {
    @Test("shards follow one another, hold every pin once, and fill whole pages unless they are the last")
    func rows() {
        for pins in [0, 1, 1023, 1024, 1025, 5000, 123_457] {
            for shards in [1, 2, 3, 7, 64] {
                let plan = ShardPlan(pinCount: pins, shardCount: shards)
                var next = 0
                for index in 0..<shards {
                    let rows = plan.rows(of: index)
                    #expect(rows.lowerBound == next, "\(pins) pins, \(shards) shards")
                    #expect(rows.count % ShardPlan.rowMultiple == 0 || rows.upperBound == pins)
                    next = rows.upperBound
                }
                #expect(next == pins)
            }
        }
    }

    @Test("slices follow one another, hold every column once, and are whole cache lines wide unless they are the last")
    func slices() {
        for width in [1, 15, 16, 17, 128, 200] {
            for count in 1...9 {
                let slices = ShardPlan(pinCount: 1, shardCount: 1, sliceCount: count).slices(width: width)
                #expect(slices.count <= count && slices.flatMap(\.self) == Array(0..<width))
                #expect(slices.dropLast().allSatisfy { $0.count % 16 == 0 })
            }
        }
    }

    @Test("a limit of memory bounds a slice of the message table and the pooled rows of a shard")
    func memory() {
        let plain = ShardPlan(pinCount: 30_000_000, width: 128, shardCount: nil, memoryBytes: nil)
        #expect(plain.sliceCount == 1 && plain.rows(of: 0).count <= 263_168)
        let limited = ShardPlan(pinCount: 30_000_000, width: 128, shardCount: nil, memoryBytes: 8 << 30)
        let widest = limited.slices(width: 128).map(\.count).max() ?? 0
        #expect(widest == 16 && 30_000_000 * widest * 4 <= 3 << 30)
        #expect(limited.rows(of: 0).count * 128 * 4 <= 1 << 30 + 1 << 20)
        #expect(ShardPlan(pinCount: 30_000, width: 128, shardCount: 3, memoryBytes: 8 << 30).shardCount == 3)
    }

    @Test("all messages lie on the heap where they are uncut and take no more than their part of the memory")
    func messagesOnTheHeap() {
        let (pins, width) = (1 << 20, 128)
        for (memory, isKept) in [(1 << 32, true), ((1 << 29) / 3 * 8 + 8, true), ((1 << 29) / 3 * 8 - 8, false)] {
            let plan = ShardPlan(pinCount: pins, width: width, shardCount: nil, memoryBytes: memory)
            #expect(plan.keepsMessages(width: width, memoryBytes: memory) == isKept, "\(memory)")
            #expect((plan.sliceCount == 1) == isKept)
        }
        #expect(!ShardPlan(pinCount: 10, shardCount: 1, sliceCount: 2).keepsMessages(width: 64, memoryBytes: 1 << 40))
        func unlimited(_ pins: Int) -> Bool {
            ShardPlan(pinCount: pins, shardCount: 1).keepsMessages(width: 1, memoryBytes: nil)
        }
        #expect(unlimited(MachineMemory.byteCount / 16) && !unlimited(MachineMemory.byteCount / 16 + 1))
    }

    @Test("lanes are as many as threads, or as a sixteenth of the memory holds, one at least")
    func lanes() {
        #expect(ShardPlan.laneCount(threads: 64, laneBytes: 3 << 20, memoryBytes: nil) == 64)
        #expect(ShardPlan.laneCount(threads: 64, laneBytes: 64 << 20, memoryBytes: nil) == 16)
        #expect(ShardPlan.laneCount(threads: 64, laneBytes: 3 << 20, memoryBytes: 128 << 20) == 2)
        #expect(ShardPlan.laneCount(threads: 4, laneBytes: 3 << 20, memoryBytes: 1) == 1)
    }

    @Test("a shard's number reads INDEX/COUNT and nothing else")
    func number() {
        #expect(ShardNumber("3/16")?.folderName == "00003-of-00016")
        for text in ["", "3", "16/16", "-1/4", "0/0", "1/2/3", "a/b", "0/100000", "1/ 2"] {
            #expect(ShardNumber(text) == nil, "\(text)")
        }
    }

    @Test("needed rows are the distinct pins of the lists, ascending, each at its place")
    func neededRows() {
        let lists: [Int32] = [5, 64, 5, -1, 0, 199, 63, -1, 128, 64]
        let needed = lists.withUnsafeBufferPointer { NeededRows(pinCount: 200, lists: $0) }
        let expected = Set(lists.filter { $0 >= 0 }).sorted()
        #expect(needed.count == expected.count)
        #expect(needed.pins(in: 0..<200) == expected.map(UInt32.init))
        #expect(needed.pins(in: 5..<64) == [5, 63])
        #expect(needed.pins(in: 6..<63).isEmpty && needed.pins(in: 7..<7).isEmpty)
        for (place, pin) in expected.enumerated() { #expect(needed.place(of: pin) == place) }
    }
}
