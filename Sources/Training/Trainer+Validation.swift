import Basics
import Foundation

// The trainer and the companion that validates its checkpoints.
extension Trainer {
    /// Seconds of waiting after which the trainer says what for.
    private static let validationPatienceSeconds = 60.0

    /// Why a run that stands at `step` needs no training; nil when it does.
    func nothingToDo(at step: UInt64, _ validation: ValidationWatch?) -> String? {
        if let validation, validation.isOver { return earlyEnd(validation.records) }
        guard step >= UInt64(settings.totalBatches), validation?.pending.isEmpty ?? true else { return nil }
        return "the run has learned from all \(settings.totalBatches) batches"
    }

    /// Waits for validations as long as training must not go on without them: with a patience and at the end of the
    /// run for all, else for all but the newest, so that training is never more than an epoch ahead.
    ///
    /// - Returns: how training ends here; nil when it goes on.
    func waitFor(_ validation: ValidationWatch?, at step: UInt64, _ metrics: MetricsLog) throws -> Ending? {
        guard let validation else { return nil }
        let isEnd = step >= UInt64(settings.totalBatches)
        let pendingMax = settings.training.patience > 0 || isEnd ? 0 : 1
        var saysAt = steadySeconds() + Self.validationPatienceSeconds
        while true {
            for record in try validation.poll() { try show(record, validation, metrics) }
            if validation.pending.count <= pendingMax { break }
            if stop.isStopped {
                log.notice("stopped", metadata: ["step": "\(step)", "signal": "\(stop.signalNumber)"])
                return .stopped(step: step)
            }
            if steadySeconds() >= saysAt {
                saysAt = .infinity
                warn(
                    "trainer: waiting for the validation of step \(validation.pending[0]). "
                        + "`pinsage train` sees to it; else start `pinsage mine` with its config.")
            }
            usleep(50_000)
        }
        guard validation.isOver, !isEnd else { return nil }
        progress.finish("stopped early at step \(step): \(earlyEnd(validation.records))")
        log.notice("stopped early", metadata: ["step": "\(step)"])
        return .finished(step: step)
    }

    private func show(_ record: ValidationRecord, _ validation: ValidationWatch, _ metrics: MetricsLog) throws {
        try metrics.append(record)
        let isBest = validation.records.filter { $0.step <= record.step }.best?.step == record.step
        progress.finish("epoch \(record.epoch): \(record.line)\(isBest ? "  best so far" : "")")
        log.notice(
            "validation",
            metadata: [
                "step": "\(record.step)", "epoch": "\(record.epoch)", "hit_at_10": "\(record.hitRate10)",
                "mrr": "\(record.meanReciprocalRank)", "best": "\(isBest)",
            ])
    }

    private func earlyEnd(_ records: [ValidationRecord]) -> String {
        guard let best = records.best, let last = records.last else { return "nothing is known" }
        return "no epoch of the \(last.epoch - best.epoch) since epoch \(best.epoch) had a higher MRR than its "
            + String(format: "%.4f", best.meanReciprocalRank) + "; checkpoint \(checkpoints.file(step: best.step))"
    }
}
