import ArgumentParser
import Basics
import FrontDoor

/// The front door: every subcommand, one file each.
struct Pinsage: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pinsage",
        abstract: "PinSage: embeddings that put items people file together close together.",
        version: Build.version,
        subcommands: [
            ChecksumCommand.self,
            CompactCommand.self,
            EmbedCommand.self,
            EvaluateCommand.self,
            ExportCommand.self,
            ImportCommand.self,
            GenerateCommand.self,
            InspectCommand.self,
            KeysCommand.self,
            LadderCommand.self,
            LayoutCommand.self,
            MapCommand.self,
            MineCommand.self,
            NeighborsCommand.self,
            ReduceCommand.self,
            PlanCommand.self,
            RelatedCommand.self,
            TrainCommand.self,
            UpdateCommand.self,
        ])
}

runFrontDoor(Pinsage.self)
