import Configuration
import Testing

@Suite("a plan for a catalogue")
struct CapacityPlanTests {
    @Test("a step of 1,000 pins, all in every batch, costs what its products cost by hand")
    func step() {
        var plan = CapacityPlan(pins: 1000, edges: 15)
        plan.trainingPairs = 1
        plan.trainerCores = 1
        (plan.settings.model.hiddenWidth, plan.settings.model.outputWidth) = (128, 64)
        let isKnown = plan.rates.set("training", to: 1)
        #expect(isKnown)
        // Multiply-adds of a pin: 129·128 and 257·128 of layer 1, 128·128 and 256·128 of layer 2, 128·128 and 128·64 of
        // the head; as much for the weights; for the inputs 2·128·128, 256·128 and the head again.
        let forward = 16_512.0 + 32_896 + 16_384 + 32_768 + 16_384 + 8192
        let backward = forward + 32_768 + 32_768 + 16_384 + 8192
        #expect(abs(plan.trainerHours * 3600 - 2e3 * (forward + backward) / 1e9) < 1e-12)
        let isSpeedKnown = plan.rates.set("speed", to: 1)
        #expect(plan.rates.training.source == "given" && !isSpeedKnown)
    }

    @Test("twice the cores halve the trainer's hours less what threads lose, and ask for as many more samplers")
    func cores() {
        var plan = CapacityPlan(pins: 1e9, edges: 6e9)
        plan.trainerCores = 8
        let (hours, samplers) = (plan.trainerHours, plan.samplerCores)
        plan.trainerCores = 16
        #expect(abs(plan.trainerHours / hours - 0.5) < 1e-12)
        #expect(abs(plan.samplerCores / samplers - 2) < 1e-12)
    }

    @Test("bytes follow the shapes")
    func bytes() {
        var plan = CapacityPlan(pins: 100, edges: 1000)
        plan.boards = 50
        (plan.settings.model.hiddenWidth, plan.settings.model.outputWidth) = (128, 64)
        let graph: Double = 8 * 101 + 8 * 51 + 4 * 1000 + 4 * 1000
        let work: Double = 100 * (25 * 12 + 3 * 128 * 4 + 64 * 4)
        #expect(plan.graphBytes == graph)
        #expect(plan.featureTableBytes == 51_200)
        #expect(plan.embeddingBytes == 25_600)
        #expect(plan.workBytes == work)
        #expect(plan.gatheredBytes == 2_560_000)
        #expect(plan.layoutBytes == 8 * 1150 + 400 && plan.structureBytes == 0 && plan.factorizingBytes == 0)
        plan.structureWidth = 10
        #expect(plan.structureBytes == 4000 && plan.factorizingBytes == 16 * 150 * 26)
        #expect(plan.embeddingBytes == 29_600)
    }

    @Test("wider layers and longer walks take longer in proportion")
    func proportion() {
        var plan = CapacityPlan(pins: 1e6, edges: 1e7)
        let (walks, layers) = (plan.neighborhoodCoreHours, plan.mapCoreHours + plan.reduceCoreHours)
        plan.settings.walks.steps *= 2
        plan.settings.model.hiddenWidth *= 2
        #expect(abs(plan.neighborhoodCoreHours / walks - 2) < 1e-12)
        #expect(abs((plan.mapCoreHours + plan.reduceCoreHours) / layers - 4) < 1e-12)
    }
}
