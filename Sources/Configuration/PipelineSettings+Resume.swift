extension PipelineSettings {
    /// Settings that a run cannot change on its way: those that decide its batches, its network and its loss.
    ///
    /// The others (length and pace of training, workers, threads, checkpoints, paths) may change when it is resumed.
    public struct Difference: Equatable, Sendable {
        /// Dotted key.
        public var key: String
        public var before: String
        public var now: String
    }

    /// What differs from the settings that a run was started with and must not.
    public func forbiddenChanges(since before: PipelineSettings) -> [Difference] {
        // The curriculum counts in epochs.
        let fixesEpochs = usesHardNegatives || before.usesHardNegatives
        return zip(fixedForTheRun(fixesEpochs), before.fixedForTheRun(fixesEpochs)).compactMap { now, before in
            now.value == before.value ? nil : Difference(key: now.key, before: before.value, now: now.value)
        }
    }

    private func fixedForTheRun(_ fixesEpochs: Bool) -> [(key: String, value: String)] {
        sections.flatMap { section in
            section.lines.compactMap { line in
                let key = section.name.isEmpty ? line.key : "\(section.name).\(line.key)"
                let isFixed =
                    ["features", "walks", "model", "batch", "hard_negatives"].contains(section.name)
                    || [
                        "seed", "training.margin", "training.loss", "training.temperature",
                        "training.popularity_correction", "trainer.precision", "trainer.wire", "validation.share",
                        "validation.pairs",
                    ].contains(key)
                    || fixesEpochs && key == "training.batches_per_epoch"
                return isFixed ? (key, line.value.yaml) : nil
            }
        }
    }
}
