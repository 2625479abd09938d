import Basics
import Kernels

/// One learned vector for each pin of the training graph, the last columns of its input row, with Adam's memory of it.
///
/// A step changes the pins of its batch alone, each by Adam's rule with its own number of steps, as if its gradients
/// had come one after the other: a pin that no batch holds keeps its numbers, and its means do not fade. Every pin of a
/// batch takes a step, those whose gradient is 0 too. A pin that the training graph lacks has the zero vector.
public final class LearnedVectors: Sendable {
    public let pinCount: Int
    public let width: Int
    /// P × w, row = pin.
    public let values: FloatBuffer
    /// Running means of each pin's gradients and of their squares: P × w.
    public let first: FloatBuffer
    public let second: FloatBuffer
    /// Steps that each pin has taken: P whole numbers. From 2²⁴ on they stay: by then no correction is left.
    public let stepCounts: FloatBuffer

    /// All zeros.
    ///
    /// - Precondition: at least one pin and one column.
    public init(pinCount: Int, width: Int) {
        precondition(pinCount > 0 && width > 0, "LearnedVectors: \(pinCount) pins, width \(width)")
        self.pinCount = pinCount
        self.width = width
        values = FloatBuffer(count: pinCount * width)
        first = FloatBuffer(count: pinCount * width)
        second = FloatBuffer(count: pinCount * width)
        stepCounts = FloatBuffer(count: pinCount)
    }

    /// Vectors to start from, of about length 0.1: uniform in ±0.1 · √(3 / w), keyed on the pin.
    public static func initialised(pinCount: Int, width: Int, seed: UInt64) -> LearnedVectors {
        let vectors = LearnedVectors(pinCount: pinCount, width: width)
        let bound = 0.1 * (3 / Float(width)).squareRoot()
        for pin in 0..<pinCount {
            var random = CounterBasedGenerator(seed: seed, purpose: initialisationPurpose, 0, UInt32(pin))
            for column in 0..<width {
                unsafe vectors.values.base[pin * width + column] = (2 * random.nextUnit() - 1) * bound
            }
        }
        return vectors
    }

    /// Writes the last `width` columns of each row: the vector of its pin.
    ///
    /// - Parameter inputs: one row for each of `pins`.
    public func write(pins: UnsafeBufferPointer<UInt32>, into inputs: Matrix) {
        precondition(
            pins.count == inputs.rows && inputs.columns >= width,
            "LearnedVectors: \(pins.count) pins of width \(width) into \(inputs.shape)")
        for row in 0..<pins.count {
            let to = unsafe inputs.base + row * inputs.stride + inputs.columns - width
            let pin = unsafe Int(pins[row])
            if pin < pinCount {
                unsafe to.update(from: values.base + pin * width, count: width)
            } else {
                unsafe to.update(repeating: 0, count: width)
            }
        }
    }

    /// One step of each of `pins`.
    ///
    /// - Parameters:
    ///   - pins: distinct, each below `pinCount`.
    ///   - gradients: one row for each of `pins`, width w.
    package func update(
        pins: UnsafeBufferPointer<UInt32>, gradients: Matrix, learningRate: Float, kernels: Kernels
    ) {
        func rows(_ buffer: FloatBuffer) -> Matrix { Matrix(buffer, rows: pinCount, columns: width) }
        unsafe kernels.adamRows(
            pins, parameters: rows(values), gradients: gradients, first: rows(first), second: rows(second),
            stepCounts: stepCounts.base, learningRate: learningRate, beta1: Adam.beta1, beta2: Adam.beta2,
            epsilon: Adam.epsilon)
    }

    /// As a checkpoint holds them: name, shape, numbers.
    var tensors: [(name: String, shape: [Int], values: FloatBuffer)] {
        zip(Self.tensorNames, [values, first, second, stepCounts]).map { name, buffer in
            (name, buffer === stepCounts ? [pinCount] : [pinCount, width], buffer)
        }
    }

    static let tensorNames = [
        "pins.learned.weight", "adam.first.pins.learned.weight", "adam.second.pins.learned.weight",
        "adam.steps.pins.learned.weight",
    ]

    /// Keys these random numbers apart from all others of a run.
    private static let initialisationPurpose: UInt32 = 13
}

extension CounterBasedGenerator {
    /// From 0 to below 1, in steps of 2⁻²⁴: every value is exact in float32.
    mutating func nextUnit() -> Float { Float(next() >> 40) / Float(1 << 24) }
}
