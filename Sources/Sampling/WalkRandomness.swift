import Basics

/// The random numbers of walks: a pure function of (seed, window, pin, walk, step), whoever asks and in which order.
///
/// A pin's base is 64 bits of Philox keyed on (seed, window, pin). Number n of the pin is SplitMix64's finaliser of
/// base + n · golden. With i = walk · steps + step, number 2i picks the board (high half) and then the pin (low half),
/// number 2i + 1 decides whether the walk returns.
///
/// Where the board drawn is hidden, it is drawn again by the high halves of numbers 1, 2, … of base `number 2i`; after
/// `boardDraws` draws in all, the next one picks among the pin's visible boards.
enum WalkRandomness {
    static let purpose: UInt32 = 1
    /// 2⁶⁴ divided by the golden ratio, odd: SplitMix64's increment.
    static let golden: UInt64 = 0x9E37_79B9_7F4A_7C15

    /// Draws among all boards of a pin before its visible ones are counted. With a tenth of the boards hidden, one step
    /// in a hundred million comes to that at a pin of many boards.
    static let boardDraws = 8

    static func base(seed: UInt64, window: UInt64, pin: UInt32) -> UInt64 {
        var generator = CounterBasedGenerator(seed: seed, purpose: purpose, window, pin)
        return generator.next()
    }

    @inline(__always)
    static func number(_ base: UInt64, _ n: UInt64) -> UInt64 {
        CounterBasedGenerator.mix(base &+ golden &* n)
    }

    /// One of `count` things, from the high or low half of a number: uniform but for a bias below count / 2³².
    @inline(__always)
    static func pick(_ half: UInt32, of count: Int64) -> Int {
        Int(truncatingIfNeeded: (UInt64(half) &* UInt64(truncatingIfNeeded: count)) >> 32)
    }

    /// A walk returns when its number is below this.
    ///
    /// - Precondition: 0 ≤ restart < 1.
    static func returnThreshold(restart: Double) -> UInt64 {
        precondition(restart >= 0 && restart < 1, "WalkRandomness: restart \(restart) is outside 0 ..< 1")
        return UInt64(restart * 0x1p64)
    }
}

extension UInt64 {
    @inline(__always) var highHalf: UInt32 { UInt32(truncatingIfNeeded: self >> 32) }
    @inline(__always) var lowHalf: UInt32 { UInt32(truncatingIfNeeded: self) }
}
