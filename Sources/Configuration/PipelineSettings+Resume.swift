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
        zip(fixedForTheRun, before.fixedForTheRun).compactMap { now, before in
            now.value == before.value ? nil : Difference(key: now.key, before: before.value, now: now.value)
        }
    }

    private var fixedForTheRun: [(key: String, value: String)] {
        sections.flatMap { section in
            section.lines.compactMap { line in
                let key = section.name.isEmpty ? line.key : "\(section.name).\(line.key)"
                let isFixed =
                    ["features", "walks", "model", "batch"].contains(section.name)
                    || [
                        "seed", "training.margin", "training.loss", "training.temperature",
                        "training.popularity_correction", "trainer.precision",
                    ].contains(key)
                return isFixed ? (key, line.value.yaml) : nil
            }
        }
    }
}
