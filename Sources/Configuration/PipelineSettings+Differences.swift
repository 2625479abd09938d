extension PipelineSettings {
    /// The settings that decide numbers and differ from another's, but for the seed: `section.key=value`, as `--set`
    /// takes them.
    public func differences(from other: PipelineSettings) -> [String] {
        zip(decisiveSettings, other.decisiveSettings).compactMap { own, other in
            own.value == other.value || own.key == "seed" ? nil : "\(own.key)=\(own.value)"
        }
    }

    private var decisiveSettings: [(key: String, value: String)] {
        sections.flatMap { section in
            section.lines.filter { isDecisive($0.key, in: section.name) }.map { line in
                (section.name.isEmpty ? line.key : "\(section.name).\(line.key)", line.value.yaml)
            }
        }
    }
}
