import Configuration
import Kernels
import PinSageModel
import TestSupport
import Testing

@Suite struct ParametersTests {
    @Test("tensors have the names and shapes that checkpoints are read by")
    func names() {
        let shape = ModelShape(featureWidth: 5, hiddenWidth: 4, outputWidth: 3, head: .paper, output: .unit)
        let convolve: [(String, [Int])] = [
            ("conv.1.message.weight", [4, 5]), ("conv.1.message.bias", [4]),
            ("conv.1.update.weight", [4, 9]), ("conv.1.update.bias", [4]),
            ("conv.2.message.weight", [4, 4]), ("conv.2.message.bias", [4]),
            ("conv.2.update.weight", [4, 8]), ("conv.2.update.bias", [4]),
        ]
        let head: [(String, [Int])] = [
            ("head.hidden.weight", [4, 4]), ("head.hidden.bias", [4]), ("head.output.weight", [3, 4]),
        ]
        #expect(shape.tensors.map(\.name) == (convolve + head).map(\.0))
        #expect(shape.tensors.map(\.shape) == (convolve + head).map(\.1))
        #expect(shape.parameterCount == 20 + 4 + 36 + 4 + 16 + 4 + 32 + 4 + 16 + 4 + 12)

        let article = ModelShape(featureWidth: 5, hiddenWidth: 4, outputWidth: 4, head: .none, output: .unit)
        #expect(article.tensors.map(\.name) == convolve.map(\.0))
    }

    @Test("tensors start on cache lines and do not overlap")
    func layout() {
        let parameters = Parameters(
            shape: ModelShape(featureWidth: 7, hiddenWidth: 3, outputWidth: 2, head: .paper, output: .free))
        var end = 0
        for spec in parameters.tensors {
            #expect(UInt(bitPattern: parameters.matrix(spec).base) % 64 == 0 && spec.offset >= end, "\(spec.name)")
            end = spec.offset + spec.shape.reduce(1, *)
        }
        #expect(end == parameters.values.count)
    }

    @Test("initial weights fill their range, biases are 0")
    func initialisation() {
        let shape = ModelShape(featureWidth: 300, hiddenWidth: 128, outputWidth: 64, head: .paper, output: .unit)
        let parameters = Parameters.initialised(shape: shape, seed: 1)
        for spec in parameters.tensors {
            let values = parameters.matrix(spec).doubles.flatMap { $0 }
            guard spec.shape.count == 2 else {
                #expect(values.allSatisfy { $0 == 0 }, "\(spec.name)")
                continue
            }
            let fan = spec.name == "head.output.weight" ? 64 + 128 : spec.shape[1]
            let bound = (6 / Double(fan)).squareRoot()
            let largest = values.map(abs).max() ?? 0
            #expect(largest <= bound * (1 + 1e-6) && largest > 0.99 * bound, "\(spec.name): \(largest), bound \(bound)")
            // Uniform: mean 0 ± bound / √(3n), mean square bound² / 3 ± 0.894 of that / √n; five deviations.
            let count = Double(values.count)
            let mean = values.reduce(0, +) / count
            let square = values.reduce(0) { $0 + $1 * $1 } / count
            #expect(abs(mean) < 5 * bound / (3 * count).squareRoot(), "\(spec.name)")
            #expect(abs(square * 3 / (bound * bound) - 1) < 5 * 0.894 / count.squareRoot(), "\(spec.name)")
        }
    }

    @Test("initial weights are a function of the seed; tensors and rows differ")
    func keys() {
        let shape = ModelShape(featureWidth: 8, hiddenWidth: 8, outputWidth: 8, head: .paper, output: .unit)
        let one = Parameters.initialised(shape: shape, seed: 1)
        #expect(one.bits == Parameters.initialised(shape: shape, seed: 1).bits)
        #expect(one.bits != Parameters.initialised(shape: shape, seed: 2).bits)
        let weights = one.tensors.filter { $0.shape.count == 2 }
        let rows = weights.flatMap { one.matrix($0).doubles }
        #expect(Set(rows.map { $0.prefix(8).map { $0 / abs(rows[0][0]) } }).count == rows.count)
        #expect(one.matrix("conv.2.message.weight").bits != one.matrix("head.hidden.weight").bits)
    }

    @Test("blocks of rows give the bits that all rows at once give", arguments: InstructionSet.available)
    func blocks(_ set: InstructionSet) {
        var sizes = ModelFixture.Sizes(pins: 67)
        sizes.featureWidth = 35
        let fixture = ModelFixture(sizes, seed: 6)
        let parameters = Parameters.random(fixture.shape(hidden: 21, output: 10), seed: 6)
        let kernels = Kernels(instructionSet: set)
        let convolve = Convolve(parameters, layer: 1, pooling: .importance, kernels: kernels)
        let head = OutputHead(parameters, kernels: kernels)
        func embed(_ blocks: [Range<Int>]) -> [UInt32] {
            let (norms, scratch) = (FloatBuffer(count: 67), HeadActivations())
            return blocks.flatMap { block in
                let buffers = [21, 21, 10].map { FloatBuffer(count: block.count * $0) }
                let inputs = fixture.features.rows(block)
                let messages = Matrix(buffers[0], rows: block.count, columns: 21)
                let outputs = Matrix(buffers[1], rows: block.count, columns: 21)
                let embeddings = Matrix(buffers[2], rows: block.count, columns: 10)
                return withExtendedLifetime(buffers) {
                    convolve.messages(of: inputs, into: messages)
                    convolve.update(own: inputs, pooled: messages, into: outputs, norms: norms)
                    head.embed(outputs, into: embeddings, scratch: scratch)
                    return embeddings.bits
                }
            }
        }
        #expect(embed([0..<1, 1..<20, 20..<33, 33..<67]) == embed([0..<67]))
    }

    @Test("without a head the embedding is the second layer's output")
    func noHead() {
        let shape = ModelShape(featureWidth: 3, hiddenWidth: 2, outputWidth: 2, head: .none, output: .free)
        let head = OutputHead(Parameters(shape: shape), kernels: Kernels())
        let (h, z) = (FloatBuffer(count: 6), FloatBuffer(count: 4))
        withExtendedLifetime((h, z)) {
            // Three columns apart, so that rows are copied and not the block.
            let source = Matrix(base: h.base, rows: 2, columns: 2, stride: 3)
            for (index, value) in [Float(1), 2, 9, 3, 4, 9].enumerated() { h.base[index] = value }
            let target = Matrix(z, rows: 2, columns: 2)
            head.embed(source, into: target, scratch: HeadActivations())
            #expect(target.doubles == [[1, 2], [3, 4]])
        }
    }
}
