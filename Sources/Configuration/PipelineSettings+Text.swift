extension PipelineSettings {
    /// All settings as YAML that `load` reads back to the same settings.
    ///
    /// - Parameter comments: lines for the head of the file: revision, CPU, command.
    public func resolvedYAML(comments: [String] = []) -> String {
        var text = comments.flatMap { $0.split(separator: "\n", omittingEmptySubsequences: false) }
            .map { "# \($0)\n" }.joined()
        for section in sections {
            if !section.name.isEmpty { text += "\(section.name):\n" }
            let indentation = section.name.isEmpty ? "" : "  "
            for line in section.lines { text += "\(indentation)\(line.key): \(line.value.yaml)\n" }
        }
        return text
    }

    /// The settings that decide a run's numbers as one JSON object, for a checkpoint's metadata. Same keys as the YAML.
    ///
    /// Paths, workers, threads and the checkpoints' own settings are left out: they change no number, so runs that
    /// differ in them alone write the same checkpoints, byte for byte.
    public var decisiveJSON: String {
        let members = sections.compactMap { section -> String? in
            let lines = section.lines.filter { isDecisive($0.key, in: section.name) }
                .map { "\(quoted($0.key)):\($0.value.json)" }.joined(separator: ",")
            if lines.isEmpty { return nil }
            return section.name.isEmpty ? lines : "\(quoted(section.name)):{\(lines)}"
        }
        return "{\(members.joined(separator: ","))}"
    }

    func isDecisive(_ key: String, in section: String) -> Bool {
        switch section {
        case "": key == "seed"
        case "trainer": ["precision", "wire"].contains(key)
        default:
            ["features", "walks", "model", "batch", "hard_negatives", "training", "validation"].contains(section)
        }
    }

    /// One value as it is written.
    enum Value {
        /// Number or flag: shortest text that reads back to the same value.
        case bare(String)
        case word(String)
        case text(String)

        var yaml: String {
            switch self {
            case .bare(let text), .word(let text): return text
            case .text(let text): return quoted(text)
            }
        }

        var json: String {
            switch self {
            case .bare(let text): return text
            case .word(let text), .text(let text): return quoted(text)
            }
        }
    }

    struct Section {
        /// Empty for the top of the file.
        var name: String
        var lines: KeyValuePairs<String, Value>
    }

    /// Every setting there is, in the order of the file. The one list that texts and recipe are made from.
    var sections: [Section] {
        [
            Section(name: "", lines: ["graph": .text(graph), "run": .text(run), "seed": .bare("\(seed)")]),
            Section(
                name: "features",
                lines: [
                    "log_degree": .bare("\(features.logDegree)"), "learned_width": .bare("\(features.learnedWidth)"),
                ]),
            walkSection,
            Section(
                name: "model",
                lines: [
                    "hidden_width": .bare("\(model.hiddenWidth)"), "output_width": .bare("\(model.outputWidth)"),
                    "head": .word(model.head.rawValue), "output": .word(model.output.rawValue),
                    "popularity_prior": .bare("\(model.popularityPrior)"),
                    "structure_share": .bare("\(model.structureShare)"),
                ]),
            batchSection,
            hardNegativeSection,
            Section(
                name: "training",
                lines: [
                    "epochs": .bare("\(training.epochs)"), "batches_per_epoch": .bare("\(training.batchesPerEpoch)"),
                    "learning_rate": .bare("\(training.learningRate)"),
                    "warmup_epochs": .bare("\(training.warmupEpochs)"),
                    "final_learning_rate_share": .bare("\(training.finalLearningRateShare)"),
                    "margin": .bare("\(training.margin)"), "loss": .word(training.loss.rawValue),
                    "temperature": .bare("\(training.temperature)"),
                    "popularity_correction": .bare("\(training.popularityCorrection)"),
                    "patience": .bare("\(training.patience)"),
                ]),
            validationSection,
            Section(
                name: "samplers",
                lines: [
                    "count": .bare("\(samplers.count)"), "endpoint": .text(samplers.endpoint),
                    "credit": .bare("\(samplers.credit)"), "cache_mb": .bare("\(samplers.cacheMB)"),
                    "lease_seconds": .bare("\(samplers.leaseSeconds)"),
                    "give_up_seconds": .bare("\(samplers.giveUpSeconds)"),
                ]),
            Section(
                name: "trainer",
                lines: [
                    "threads": .bare("\(trainer.threads)"), "features": .word(trainer.features.rawValue),
                    "wire": .word(trainer.wire.rawValue), "precision": .word(trainer.precision.rawValue),
                ]),
            Section(
                name: "checkpoints",
                lines: [
                    "every_batches": .bare("\(checkpoints.everyBatches)"), "keep": .bare("\(checkpoints.keep)"),
                ]),
            Section(
                name: "security",
                lines: [
                    "mechanism": .word(security.mechanism.rawValue), "keys": .text(security.keys),
                    "name": .text(security.name),
                ]),
        ]
    }

    var walkSection: Section {
        Section(
            name: "walks",
            lines: [
                "count": .bare("\(walks.count)"), "steps": .bare("\(walks.steps)"), "top": .bare("\(walks.top)"),
                "restart": .bare("\(walks.restart)"), "pooling": .word(walks.pooling.rawValue),
            ])
    }

    var batchSection: Section {
        Section(
            name: "batch",
            lines: [
                "pairs": .bare("\(batch.pairs)"), "shared_negatives": .bare("\(batch.sharedNegatives)"),
                "hard_negatives_max": .bare("\(batch.hardNegativesMax)"),
                "refresh_batches": .bare("\(batch.refreshBatches)"), "boards": .word(batch.boards.rawValue),
                "exclude_pair_edges": .bare("\(batch.excludePairEdges)"),
                "supervision": .word(batch.supervision.rawValue),
                "supervision_share": .bare("\(batch.supervisionShare)"),
            ])
    }

    var validationSection: Section {
        Section(
            name: "validation",
            lines: [
                "share": .bare("\(validation.share)"), "pairs": .bare("\(validation.pairs)"),
                "every_epochs": .bare("\(validation.everyEpochs)"),
            ])
    }
}

extension PipelineSettings {
    var hardNegativeSection: Section {
        Section(
            name: "hard_negatives",
            lines: [
                "source": .word(hardNegatives.source.rawValue), "ranks": .word(hardNegatives.ranks.text),
                "curriculum": .word(hardNegatives.curriculum.rawValue),
                "exclude_co_saved": .bare("\(hardNegatives.excludeCoSaved)"),
            ])
    }
}

/// Text between double quotes, escaped as JSON asks, which YAML reads too.
private func quoted(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": escaped += "\\\""
        case "\\": escaped += "\\\\"
        case _ where scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value):
            let digits = String(scalar.value, radix: 16)
            escaped += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: escaped.unicodeScalars.append(scalar)
        }
    }
    return "\"\(escaped)\""
}
