import Basics
import CPlatform
import Minibatches

/// Numbers distinct pins in order of first appearance: a batch's local rows.
///
/// An open-addressing table; its size follows the batch, never the graph. A slot's low bits, as many as number the slots,
/// hold row + 1, or 0 where it is free; the others, from the pin's hash, spare most looks at pins that are another.
@safe package final class PinRows {
    package private(set) var count = 0
    /// Where the pins are written; nil: nowhere yet.
    private var pinBuffer: FrameArray<UInt32>?
    /// Room for `capacity` slots: `slotCount` in use, all others 0.
    private var slots: UnsafeMutablePointer<UInt32>
    private var slotCount = PinRows.slotCountMin
    private var capacity = PinRows.slotCountMin
    private static let slotCountMin = 16
    /// Pins whose slots are asked for ahead of the one being looked up, then whose rows' pins.
    private static let (slotDistance, pinDistance) = (12, 6)

    package init() {
        unsafe slots = .allocate(capacity: capacity)
        unsafe slots.initialize(repeating: 0, count: capacity)
    }

    deinit { unsafe slots.deallocate() }

    /// (count) pins by row; valid until room is made.
    package var pins: UnsafePointer<UInt32> { unsafe UnsafePointer(pinBase) }
    private var pinBase: UnsafeMutablePointer<UInt32> {
        unsafe pinBuffer?.elements.baseAddress ?? UnsafeMutablePointer(bitPattern: 64)!
    }

    /// Forgets all pins; those to come are written to `frame`, or to the one before.
    package func removeAll(writingTo frame: Frame? = nil) {
        clearSlots()
        slotCount = Self.slotCountMin
        count = 0
        if let frame { pinBuffer = FrameArray(resizing: frame, count: 0) }
    }

    /// The pins as they lie in the frame, which is let go; they have rows no longer.
    ///
    /// - Precondition: there is a pin.
    package func finish() -> FrameArray<UInt32> {
        guard let frame = pinBuffer?.frame else { preconditionFailure("PinRows: no pins") }
        pinBuffer = nil
        let pins = FrameArray<UInt32>(resizing: frame, count: count, keeping: count)
        removeAll()
        return pins
    }

    private func clearSlots() { unsafe platform_clear(slots, slotCount * MemoryLayout<UInt32>.stride) }

    /// Makes room for `additional` pins that may all be new, so that at most four of five slots are in use.
    package func reserve(_ additional: Int) {
        if count + additional > pinBuffer?.count ?? 0 {
            pinBuffer = FrameArray(
                resizing: pinBuffer?.frame ?? Frame(byteCount: 0), count: count + additional, keeping: count)
        }
        let wanted = (count + additional) * 5 / 4 + 1
        guard wanted > slotCount else { return }
        clearSlots()
        slotCount = max(wanted, slotCount + slotCount / 4)
        if slotCount > capacity {
            unsafe slots.deallocate()
            capacity = slotCount
            unsafe slots = .allocate(capacity: capacity)
            unsafe slots.initialize(repeating: 0, count: capacity)
        }
        let known = count
        count = 0
        for row in 0..<known { _ = unsafe insert(pins[row]) }
    }

    /// The row of `pin`, a new one if it has none.
    ///
    /// - Precondition: room is reserved.
    package func insert(_ pin: UInt32) -> Int32 {
        var row = pin
        unsafe number(&row, count: 1)
        return Int32(bitPattern: row)
    }

    /// Writes the row of each of `count` pins.
    ///
    /// - Precondition: room is reserved.
    package func insert(_ pins: UnsafePointer<UInt32>, count pinCount: Int, rows: UnsafeMutablePointer<Int32>) {
        unsafe rows.withMemoryRebound(to: UInt32.self, capacity: pinCount) { rows in
            unsafe rows.update(from: pins, count: pinCount)
            unsafe number(rows, count: pinCount)
        }
    }

    /// Puts the row of each of `count` pins in its place.
    ///
    /// - Precondition: room is reserved.
    package func number(_ pins: UnsafeMutablePointer<UInt32>, count pinCount: Int) {
        unsafe count = Self.number(
            pins, pinCount, slots: slots, slotCount: slotCount, distinct: pinBase, distinctCount: count)
    }

    @unsafe private static func number(
        _ pins: UnsafeMutablePointer<UInt32>, _ pinCount: Int, slots: UnsafeMutablePointer<UInt32>, slotCount: Int,
        distinct: UnsafeMutablePointer<UInt32>, distinctCount: Int
    ) -> Int {
        var distinctCount = distinctCount
        let rowMask = UInt32.max &>> UInt32(truncatingIfNeeded: UInt32(slotCount).leadingZeroBitCount)
        for i in 0..<pinCount {
            let far = unsafe hash(pins[min(i &+ slotDistance, pinCount &- 1)])
            unsafe platform_prefetch(slots + slot(far, slotCount))
            let near = unsafe hash(pins[min(i &+ pinDistance, pinCount &- 1)])
            unsafe platform_prefetch(distinct + Int(slots[slot(near, slotCount)] & rowMask))
            let pin = unsafe pins[i]
            let hash = hash(pin)
            let tag = hash.lowHalf & ~rowMask
            var place = slot(hash, slotCount)
            while true {
                let entry = unsafe slots[place]
                if entry == 0 {
                    unsafe distinct[distinctCount] = pin
                    unsafe pins[i] = UInt32(truncatingIfNeeded: distinctCount)
                    distinctCount &+= 1
                    unsafe slots[place] = tag | UInt32(truncatingIfNeeded: distinctCount)
                    break
                }
                let row = Int(entry & rowMask) &- 1
                if entry & ~rowMask == tag, unsafe distinct[row] == pin {
                    unsafe pins[i] = UInt32(truncatingIfNeeded: row)
                    break
                }
                place = place &+ 1 == slotCount ? 0 : place &+ 1
            }
        }
        return distinctCount
    }

    @inline(__always)
    private static func hash(_ pin: UInt32) -> UInt64 { UInt64(pin) &* WalkRandomness.golden }

    /// Multiplicative hashing: the upper half of the product picks the slot, as a share of all.
    @inline(__always)
    private static func slot(_ hash: UInt64, _ slotCount: Int) -> Int {
        Int(truncatingIfNeeded: (UInt64(hash.highHalf) &* UInt64(truncatingIfNeeded: slotCount)) &>> 32)
    }
}
