import Artifacts

/// The pins that a shard's neighbour lists name, ascending, and the place of each among them.
///
/// A bit for each pin and a count for each 64: O(1) to look up, 12 bytes for 64 pins.
package struct NeededRows {
    private var words: [UInt64]
    /// Pins before each word.
    private var ranks: [Int32]
    /// Pins in all.
    package private(set) var count = 0

    /// - Parameter lists: every entry below `pinCount`, or negative past a list's end.
    package init(pinCount: Int, lists: UnsafeBufferPointer<Int32>) {
        words = [UInt64](repeating: 0, count: (pinCount + 63) / 64)
        ranks = [Int32](repeating: 0, count: words.count)
        for i in 0..<lists.count {
            let pin = unsafe lists[i]
            if pin >= 0 { words[Int(pin) / 64] |= 1 << UInt64(pin % 64) }
        }
        for i in words.indices {
            ranks[i] = Int32(count)
            count += words[i].nonzeroBitCount
        }
    }

    /// The place of a pin that is among them.
    package func place(of pin: Int32) -> Int32 {
        let word = Int(pin) / 64
        let below = words[word] & ((1 << UInt64(pin % 64)) &- 1)
        return ranks[word] + Int32(below.nonzeroBitCount)
    }

    /// Those in a range of pins, ascending.
    package func pins(in range: Range<Int>) -> [UInt32] {
        guard !range.isEmpty else { return [] }
        var found: [UInt32] = []
        for word in range.lowerBound / 64...(range.upperBound - 1) / 64 {
            var bits = words[word]
            while bits != 0 {
                let pin = word * 64 + bits.trailingZeroBitCount
                if range.contains(pin) { found.append(UInt32(pin)) }
                bits &= bits &- 1
            }
        }
        return found
    }
}
