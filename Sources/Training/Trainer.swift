import Artifacts
import Basics
import Configuration
import Foundation
import Kernels
import Logging
import Minibatches
import PinSageModel

/// The loop: take the next minibatch in order, learn from it, log, checkpoint.
public final class Trainer {
    public enum Ending: Equatable, Sendable {
        /// Every batch has been learned from, or training has ended early by `training.patience`.
        case finished(step: UInt64)
        /// Stopped by a signal, with a checkpoint of all that was learned.
        case stopped(step: UInt64)

        var isFinished: Bool {
            if case .finished = self { true } else { false }
        }
    }

    let settings: PipelineSettings
    let run: RunDirectory
    let checkpoints: CheckpointFolder
    let stop: StopToken
    let log: Logger
    private let schedule: LearningRateSchedule
    let progress = ProgressLine()
    private let gathered = FloatBuffer()
    private var smoothedLoss = SmoothedLoss()
    private var auditSums = EpochAudit.Sums()
    /// Of every step so far.
    private var instructionSet = "\(InstructionSet.best)"

    public init(settings: PipelineSettings, run: RunDirectory, stop: StopToken, log: Logger) {
        self.settings = settings
        self.run = run
        self.stop = stop
        self.log = log
        checkpoints = CheckpointFolder(path: run.checkpointFolder)
        schedule = LearningRateSchedule(settings.training)
    }

    /// Trains until every batch is learned from or `stop` is set.
    ///
    /// - Parameter whenReady: called once the sockets are open; before that, nothing of the run has been changed.
    /// - Throws: `TrainingError`, `TransportError`, `ArtifactError`, or the model's error; what was written stays.
    public func train(from start: TrainingStart, whenReady: () -> Void) throws -> Ending {
        let batch = start.checkpoint?.metadata.batch ?? 0
        let validation = settings.validates ? ValidationWatch(settings, run, checkpoints, start: batch) : nil
        if let reason = nothingToDo(at: batch, validation) {
            progress.finish("nothing to do: \(reason)")
            return .finished(step: batch)
        }

        let awaited = try AwaitedTable(
            step: batch, recorded: start.checkpoint?.metadata.hardNegativeTable, settings: settings,
            checkpoints: checkpoints)
        let feed = try MinibatchFeed(settings: settings, run: run, graph: start.graph, stop: stop, log: log)
        feed.wait(for: awaited)
        try feed.start(at: batch)
        whenReady()
        do {
            run.removeLeftovers()
            for reason in start.passedOver { warn("trainer: checkpoint passed over: \(reason)") }
            if let metadata = start.checkpoint?.metadata { try takeUp(metadata) }
            guard let graph = try feed.waitForGraph() else {
                feed.finish("the trainer was stopped")
                return .stopped(step: batch)
            }
            try start.check(graph, settings)
            let learner = makeLearner(graph, from: start.checkpoint)
            try writeConfig()
            let ending = try loop(
                feed, learner: learner, features: start.features, graph: graph, validation, from: batch)
            feed.finish(ending.isFinished ? "training is finished" : "the trainer was stopped")
            return ending
        } catch {
            feed.finish("the trainer failed")
            log.critical("\(error)")
            throw error
        }
    }

    private func loop(
        _ feed: MinibatchFeed, learner: Learner, features: VectorTable?, graph: GraphIdentity,
        _ validation: ValidationWatch?, from start: UInt64
    ) throws -> Ending {
        let metrics = try MetricsLog(run, start: start)
        try validation?.settle()
        // What an earlier process was still waiting for when it ended.
        if let ending = try waitFor(validation, at: start, metrics) { return ending }
        let total = UInt64(settings.totalBatches)
        var interval = Interval()
        var lastSaved = start
        for batch in start..<total {
            let waitStart = steadySeconds()
            guard let minibatch = try feed.nextMinibatch() else {
                return try stopped(learner, at: batch, lastSaved: lastSaved, graph: graph, feed, validation)
            }
            interval.waited += steadySeconds() - waitStart
            let rate = schedule.rate(batch: batch)
            let result = try learner.step(
                minibatch, features: inputs(of: minibatch, from: features, for: learner),
                learningRate: Float(rate))
            feed.consume()
            interval.add(result, pairs: minibatch.pairCount)
            let step = batch + 1
            smoothedLoss.add(result.loss, step: step)
            auditSums.add(minibatch, result)
            let spread = settings.isEpochEnd(step: step) ? watchSpread(learner, batch: batch) : nil
            if step % 10 == 0 || step == total || step == 1 || spread != nil {
                var line = interval.metrics(step: step, epoch: epoch(of: batch), minibatch, result, rate)
                if let spread { line.add(spread) }
                if settings.isEpochEnd(step: step) { line.audit = audit(learner, minibatch, epoch: epoch(of: batch)) }
                try metrics.append(line)
                interval = interval.successor()
            }
            show(step: step, total: total, interval: interval, feed: feed)
            if isCheckpointDue(step) {
                if settings.isValidated(step: step) { validation?.expect(step) }
                try save(learner, step: step, graph: graph, feed, validation)
                lastSaved = step
                if let ending = try waitFor(validation, at: step, metrics) { return ending }
                if settings.isEpochEnd(step: step), step < total { try begin(epoch(of: step), feed) }
            }
            if stop.isStopped, step < total {
                return try stopped(learner, at: step, lastSaved: lastSaved, graph: graph, feed, validation)
            }
        }
        progress.finish(
            "step \(total)/\(total)  loss \(interval.shown.loss)  checkpoint \(checkpoints.file(step: total))")
        return .finished(step: total)
    }

    private func stopped(
        _ learner: Learner, at step: UInt64, lastSaved: UInt64, graph: GraphIdentity, _ feed: MinibatchFeed,
        _ validation: ValidationWatch?
    ) throws -> Ending {
        if step > lastSaved { try save(learner, step: step, graph: graph, feed, validation) }
        log.notice("stopped", metadata: ["step": "\(step)", "signal": "\(stop.signalNumber)"])
        return .stopped(step: step)
    }

    private func isCheckpointDue(_ step: UInt64) -> Bool {
        step % UInt64(settings.checkpoints.everyBatches) == 0 || settings.isEpochEnd(step: step)
    }

    private func epoch(of batch: UInt64) -> UInt64 { settings.epoch(ofBatch: batch) }

    /// Makes the batches of a new epoch wait for its hard negatives, if it has any.
    private func begin(_ epoch: UInt64, _ feed: MinibatchFeed) throws {
        let awaited = try AwaitedTable(
            step: settings.firstBatch(ofEpoch: epoch), recorded: nil, settings: settings, checkpoints: checkpoints)
        guard let awaited else { return }
        progress.update("epoch \(epoch): waiting for its hard negatives")
        feed.wait(for: awaited)
    }

    /// What layer 1 reads of the minibatch's pins, row by row: (pinCount × inputWidth).
    private func inputs(of minibatch: Minibatch, from table: VectorTable?, for learner: Learner) -> Matrix {
        let shape = learner.parameters.shape
        let inputs = shape.inputs(rows: minibatch.pinCount, in: gathered)
        if let inline = minibatch.features {
            unsafe inline.copyRows(into: inputs.base, rowStride: inputs.stride)
        } else {
            unsafe table?.copyRows(
                UnsafeBufferPointer(minibatch.pins.elements), into: inputs.base, rowStride: inputs.stride)
        }
        unsafe shape.writeLogDegree(
            boardCounts: UnsafeBufferPointer(minibatch.boardCounts.elements), into: inputs)
        unsafe learner.learned?.write(pins: UnsafeBufferPointer(minibatch.pins.elements), into: inputs)
        return inputs
    }
}

// Before and after the loop.
extension Trainer {
    private func makeLearner(_ graph: GraphIdentity, from checkpoint: Checkpoint?) -> Learner {
        let shape = ModelShape(featureWidth: graph.featureWidth, settings.features, settings.model)
        let kernels = Kernels(
            team: ThreadTeam(threads: settings.trainer.threads),
            precision: settings.trainer.precision == .bfloat16 ? .bfloat16 : .float32)
        log.notice(
            "training",
            metadata: [
                "version": "\(Build.version)", "instruction_set": "\(kernels.instructionSet)",
                "precision": "\(kernels.precision)",
                "seed": "\(settings.seed)",
                "graph": "\(graph)", "parameters": "\(shape.parameterCount + graph.pinCount * shape.learnedWidth)",
                "hard_negatives": "\((try? settings.hardNegativePlan(pinCount: graph.pinCount)) ?? "none")",
            ])
        let parameters = checkpoint?.parameters ?? Parameters.initialised(shape: shape, seed: settings.seed)
        let learned =
            shape.learnedWidth == 0
            ? nil
            : checkpoint?.learned
                ?? .initialised(pinCount: graph.pinCount, width: shape.learnedWidth, seed: settings.seed)
        return Learner(
            parameters: parameters, adam: checkpoint?.adam, learned: learned, training: settings.training,
            pooling: settings.walks.pooling, kernels: kernels)
    }

    /// Goes on from where a checkpoint stands, beside its tensors.
    private func takeUp(_ metadata: CheckpointMetadata) throws {
        smoothedLoss = SmoothedLoss(value: metadata.smoothedLoss)
        if !settings.validates {
            try checkpoints.updateBest(step: UInt64(metadata.step), smoothedLoss: metadata.smoothedLoss)
        }
        guard metadata.instructionSet != instructionSet, metadata.instructionSet != "unknown" else { return }
        warn(
            "trainer: the run was computed with \(metadata.instructionSet) so far, this process uses \(instructionSet): "
                + "the last bits of the result will differ. PINSAGE_INSTRUCTION_SET chooses one that both hosts have.")
        instructionSet = "mixed"
    }

    /// Tells people and the log.
    func warn(_ line: String) {
        log.warning("\(line)")
        writeToStandardError(line)
    }

    /// Measures how well the last batch's embeddings are told apart, and warns when they are not.
    private func watchSpread(_ learner: Learner, batch: UInt64) -> CosineSpread? {
        let spread = CosineSpread(of: learner.embeddings, seed: settings.seed, batch: batch)
        if let spread, spread.isCollapsed {
            warn(
                "trainer: epoch \(epoch(of: batch)): embeddings collapse: cosines of random pairs have mean "
                    + String(format: "%.3f, deviation %.4f", spread.mean, spread.deviation)
                    + ". Lower training.learning_rate, or raise training.margin.")
        }
        return spread
    }

    /// Tells the log what the epoch's negatives were like.
    private func audit(_ learner: Learner, _ batch: Minibatch, epoch: UInt64) -> EpochAudit {
        let audit = auditSums.finish(batch, embeddings: learner.embeddings)
        auditSums = EpochAudit.Sums()
        var fields: Logger.Metadata = ["epoch": "\(epoch)", "hard_per_pair": "\(audit.perPair)"]
        for (name, value) in audit.figures { fields[name] = "\(String(format: "%.4f", value))" }
        log.info("negatives of the epoch", metadata: fields)
        return audit
    }

    private func save(
        _ learner: Learner, step: UInt64, graph: GraphIdentity, _ feed: MinibatchFeed, _ validation: ValidationWatch?
    ) throws {
        let epochStart = settings.firstBatch(ofEpoch: epoch(of: step))
        let metadata = CheckpointMetadata(
            step: Int(step), epoch: Int(epoch(of: step)), batch: step, seed: settings.seed,
            config: settings.decisiveJSON, graphFingerprint: graph.fingerprint, revision: Build.version,
            instructionSet: instructionSet, smoothedLoss: smoothedLoss.value,
            hardNegativeTable: step == epochStart ? nil : feed.table(ofBatch: step)?.fingerprint)
        // The table of the epoch under way can be made again as long as the checkpoint is there that it was made from.
        let oldest = try checkpoints.write(
            learner, metadata: metadata, keep: settings.checkpoints.keep,
            epochStart: settings.needsHardNegativeTable(inEpoch: epoch(of: step)) ? epochStart : nil,
            unvalidated: validation?.pending)
        HardNegativeFolder(run: run.path).removeAll(before: epoch(of: oldest))
        log.info("checkpoint written", metadata: ["step": "\(step)"])
    }

    private func writeConfig() throws {
        let text = settings.resolvedYAML(comments: [
            "The resolved configuration of this run.", "version: \(Build.version)",
            "instruction set: \(InstructionSet.best)",
        ])
        try AtomicReplace.write(to: run.configPath) { file in try file.write(text) }
    }
}

// Figures of the live line and of the metrics.
extension Trainer {
    /// What has happened since the last logged step.
    private struct Interval {
        var start = steadySeconds()
        var waited = 0.0
        var pairs = 0
        var lossSum = 0.0
        var steps = 0
        /// Figures of the interval before, shown while this one is short.
        var shown = (loss: "–", pairsPerSecond: 0.0, waitShare: 0.0, stepsPerSecond: 0.0)

        mutating func add(_ result: StepResult, pairs: Int) {
            self.pairs += pairs
            lossSum += result.loss
            steps += 1
        }

        func metrics(step: UInt64, epoch: UInt64, _ minibatch: Minibatch, _ result: StepResult, _ rate: Double)
            -> StepMetrics
        {
            let elapsed = max(steadySeconds() - start, 1e-9)
            return StepMetrics(
                step: step, epoch: epoch, loss: lossSum / Double(steps), hardNegatives: minibatch.hardNegativesPerPair,
                learningRate: rate, pairsPerSecond: Double(pairs) / elapsed, waitShare: min(waited / elapsed, 1),
                gradientNorm: result.gradientNorm, activeShare: result.activeShare)
        }

        func successor() -> Interval {
            let elapsed = max(steadySeconds() - start, 1e-9)
            var next = Interval()
            next.shown = (
                String(format: "%.4f", lossSum / Double(max(steps, 1))), Double(pairs) / elapsed,
                min(waited / elapsed, 1), Double(steps) / elapsed
            )
            return next
        }
    }

    private func show(step: UInt64, total: UInt64, interval: Interval, feed: MinibatchFeed) {
        let shown = interval.shown
        progress.update(
            "step \(step)/\(total)  loss \(shown.loss)  \(Int(shown.pairsPerSecond)) pairs/s  queue \(feed.queueDepth)  "
                + "wait \(Int(shown.waitShare * 100)) %  "
                + "ETA \(shown.stepsPerSecond > 0 ? duration(Double(total - step) / shown.stepsPerSecond) : "–")")
    }

    private func duration(_ seconds: Double) -> String {
        let whole = Int(seconds.rounded())
        return whole >= 3600
            ? String(format: "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60)
            : String(format: "%d:%02d", whole / 60, whole % 60)
    }
}
