import CAllocationCount
import Configuration
import Kernels
import PinSageModel
import TestSupport
import Testing

@Suite(.enabled(if: allocation_count_works(), "a sanitizer's allocator does not count"))
struct AllocationTests {
    @Test("the counter counts")
    func counter() {
        let before = allocation_count()
        let buffer = FloatBuffer(count: 1_000)
        #expect(allocation_count() > before)
        withExtendedLifetime(buffer) {}
    }

    @Test(
        "after warm-up, a step takes nothing from the heap, but for one closure for each loop that threads share",
        arguments: [1, 2], Precision.allCases)
    func step(threads: Int, precision: Precision) throws {
        try step(TrainingSettings(), .importance, threads: threads, precision: precision)
    }

    @Test("nor does one with the softmax and max pooling", arguments: [1, 2])
    func stepOfOthers(threads: Int) throws {
        var training = TrainingSettings()
        (training.loss, training.popularityCorrection) = (.softmax, 0.5)
        try step(training, .max, threads: threads, precision: .float32)
    }

    private func step(
        _ training: TrainingSettings, _ pooling: WalkSettings.Pooling, threads: Int, precision: Precision
    ) throws {
        if precision == .bfloat16, !Precision.hasBFloat16 { return }
        var sizes = ModelFixture.Sizes(targets: 210, hidden: 700, pins: 1900, pairs: 90, shared: 70)
        (sizes.hardPerPair, sizes.featureWidth) = (2, 33)
        let fixture = ModelFixture(sizes, seed: 9)
        let kernels = Kernels(team: ThreadTeam(threads: threads), precision: precision)
        let learner = Learner(
            parameters: .initialised(shape: fixture.shape(hidden: 64, output: 32), seed: 9), training: training,
            pooling: pooling, kernels: kernels)
        for _ in 0..<5 { _ = try fixture.step(learner) }
        let before = allocation_count()
        _ = try fixture.step(learner)
        let count = allocation_count() - before
        // A loop that is shared out puts its closure where the other threads see it: a few bytes, once a loop.
        #expect(threads == 1 ? count == 0 : count <= 40, "\(count) allocations")
    }
}
