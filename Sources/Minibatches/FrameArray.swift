import Basics

/// A typed view of a whole frame: the array's elements are the frame's bytes.
public struct FrameArray<Element: BitwiseCopyable & Sendable>: Sendable {
    public let frame: Frame
    public let count: Int

    /// - Precondition: the frame's byte count is a multiple of the element's size, and its bytes are aligned for it.
    public init(frame: Frame) {
        let stride = MemoryLayout<Element>.stride
        precondition(
            frame.byteCount % stride == 0,
            "FrameArray: \(frame.byteCount) bytes hold no whole number of \(Element.self)")
        precondition(
            unsafe UInt(bitPattern: frame.bytes.baseAddress) % UInt(MemoryLayout<Element>.alignment) == 0,
            "FrameArray: bytes are not aligned for \(Element.self)")
        self.frame = frame
        count = frame.byteCount / stride
    }

    /// An array of `count` uninitialised elements in a frame of its own.
    public init(count: Int) {
        self.init(frame: Frame(byteCount: count * MemoryLayout<Element>.stride))
    }

    /// The elements of a frame that is made to hold `count`; the first `kept` stay as they are.
    ///
    /// - Precondition: as of `Frame.resize`.
    package init(resizing frame: Frame, count: Int, keeping kept: Int = 0) {
        let stride = MemoryLayout<Element>.stride
        frame.resize(byteCount: count * stride, keeping: kept * stride)
        self.init(frame: frame)
    }

    /// An array holding a copy of `source`.
    public init(_ source: some Collection<Element>) {
        self.init(count: source.count)
        _ = unsafe elements.initialize(from: source)
    }

    /// The elements, valid while the frame lives. Written only by whoever fills the array before it is sent.
    public var elements: UnsafeMutableBufferPointer<Element> {
        unsafe frame.bytes.assumingMemoryBound(to: Element.self)
    }

    public subscript(index: Int) -> Element {
        precondition(index >= 0 && index < count, "FrameArray: index \(index) is outside 0 ..< \(count)")
        return unsafe elements[index]
    }

    /// A copy of the elements as an ordinary array.
    public var array: [Element] { unsafe Array(elements) }
}
