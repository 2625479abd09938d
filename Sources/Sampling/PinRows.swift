import Basics
import CPlatform
import Minibatches

/// Numbers distinct pins in order of first appearance: a batch's local rows.
///
/// An open-addressing table of `row + 1 << 32 | pin`, 0 where free; its size follows the batch, never the graph.
@safe package final class PinRows {
    package private(set) var count = 0
    /// Where the pins are written; nil: nowhere yet.
    private var pinBuffer: FrameArray<UInt32>?
    private var slots: UnsafeMutablePointer<UInt64>
    private var slotCount: Int
    /// Pins asked for ahead of the one being looked up.
    private static let prefetchDistance = 8

    package init() {
        slotCount = powerOfTwo(atLeast: 0)
        unsafe slots = .allocate(capacity: slotCount)
        unsafe slots.initialize(repeating: 0, count: slotCount)
    }

    deinit { unsafe slots.deallocate() }

    /// (count) pins by row; valid until room is made.
    package var pins: UnsafePointer<UInt32> { unsafe UnsafePointer(pinBase) }
    private var pinBase: UnsafeMutablePointer<UInt32> {
        unsafe pinBuffer?.elements.baseAddress ?? UnsafeMutablePointer(bitPattern: 64)!
    }

    /// Forgets all pins; those to come are written to `frame`, or to the one before.
    package func removeAll(writingTo frame: Frame? = nil) {
        unsafe slots.update(repeating: 0, count: slotCount)
        count = 0
        if let frame { pinBuffer = FrameArray(resizing: frame, count: 0) }
    }

    /// The pins as they lie in the frame, which is let go.
    ///
    /// - Precondition: there is a pin.
    package func finish() -> FrameArray<UInt32> {
        guard let frame = pinBuffer?.frame else { preconditionFailure("PinRows: no pins") }
        pinBuffer = nil
        return FrameArray(resizing: frame, count: count, keeping: count)
    }

    /// Makes room for `additional` pins that may all be new, so that at most three of four slots are in use.
    package func reserve(_ additional: Int) {
        if count + additional > pinBuffer?.count ?? 0 {
            pinBuffer = FrameArray(
                resizing: pinBuffer?.frame ?? Frame(byteCount: 0), count: count + additional, keeping: count)
        }
        let wanted = powerOfTwo(atLeast: (count + additional) * 4 / 3)
        guard wanted > slotCount else { return }
        unsafe slots.deallocate()
        slotCount = wanted
        unsafe slots = .allocate(capacity: slotCount)
        unsafe slots.initialize(repeating: 0, count: slotCount)
        let known = count
        count = 0
        for row in 0..<known { _ = unsafe insert(pins[row]) }
    }

    /// The row of `pin`, a new one if it has none.
    ///
    /// - Precondition: room is reserved.
    package func insert(_ pin: UInt32) -> Int32 {
        var row: Int32 = 0
        unsafe withUnsafePointer(to: pin) { unsafe insert($0, count: 1, rows: &row) }
        return row
    }

    /// Writes the row of each of `count` pins.
    ///
    /// - Precondition: room is reserved.
    package func insert(_ pins: UnsafePointer<UInt32>, count pinCount: Int, rows: UnsafeMutablePointer<Int32>) {
        unsafe count = Self.insert(
            pins, pinCount, rows: rows, slots: slots, shift: UInt64(UInt64(slotCount - 1).leadingZeroBitCount),
            distinct: pinBase, distinctCount: count)
    }

    @unsafe private static func insert(
        _ pins: UnsafePointer<UInt32>, _ pinCount: Int, rows: UnsafeMutablePointer<Int32>,
        slots: UnsafeMutablePointer<UInt64>, shift: UInt64, distinct: UnsafeMutablePointer<UInt32>, distinctCount: Int
    ) -> Int {
        var distinctCount = distinctCount
        let mask = Int(UInt64.max >> shift)
        for i in 0..<pinCount {
            let ahead = unsafe pins[min(i &+ prefetchDistance, pinCount &- 1)]
            unsafe platform_prefetch(slots + hash(ahead, shift))
            let pin = unsafe pins[i]
            var slot = hash(pin, shift)
            while true {
                let entry = unsafe slots[slot]
                if entry == 0 {
                    unsafe distinct[distinctCount] = pin
                    unsafe rows[i] = Int32(truncatingIfNeeded: distinctCount)
                    distinctCount &+= 1
                    unsafe slots[slot] = UInt64(distinctCount) << 32 | UInt64(pin)
                    break
                }
                if entry.lowHalf == pin {
                    unsafe rows[i] = Int32(truncatingIfNeeded: entry.highHalf &- 1)
                    break
                }
                slot = (slot &+ 1) & mask
            }
        }
        return distinctCount
    }

    /// Multiplicative hashing: the top bits of the product.
    @inline(__always)
    private static func hash(_ pin: UInt32, _ shift: UInt64) -> Int {
        Int(truncatingIfNeeded: (UInt64(pin) &* WalkRandomness.golden) &>> shift)
    }
}
