"""Known ways to more access than was meant, as data: through what has a stronger role already."""

from iam_access.simulation.escalation_way import CATALOGUE, RHINO, Way

_INSTANCES = ("instance", "managed-instance")
_SESSIONS = (
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/"
    "getting-started-restrict-access-quickstart.html"
)

EXISTING = (
    Way(
        "edit-function",
        "can change the code of functions, which then runs with the role of the function",
        "https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html",
        (
            ("lambda:UpdateFunctionCode",),
            # Layers and wrapper scripts are code too.
            ("lambda:UpdateFunctionConfiguration",),
        ),
    ),
    Way(
        "command-instance",
        "can run commands on instances, with the role that the instance has",
        "https://docs.aws.amazon.com/systems-manager/latest/userguide/run-command-setting-up.html",
        (("ssm:SendCommand",), ("ssm:CreateAssociation",)),
        targets={"ssm:SendCommand": _INSTANCES},
    ),
    Way(
        "open-instance",
        "can open a shell on instances, and use the role that they have",
        _SESSIONS,
        (("ssm:StartSession",),),
        targets={"ssm:StartSession": _INSTANCES},
    ),
    Way(
        # Sessions of tasks can be opened past ECS Exec, too.
        "open-container",
        "can open a shell in containers of ECS, and use the role of the task",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html",
        (("ecs:ExecuteCommand",), ("ssm:StartSession",)),
        targets={"ssm:StartSession": ("task",)},
    ),
    Way(
        "resume-session",
        "can take over sessions that others opened on instances or containers",
        _SESSIONS,
        (("ssm:ResumeSession",),),
        others=True,
    ),
    Way(
        "enter-instance",
        "can put an SSH key of their own on instances, and use the role that those have",
        "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-connect-methods.html",
        (
            ("ec2-instance-connect:SendSSHPublicKey",),
            ("ec2-instance-connect:SendSerialConsoleSSHPublicKey",),
        ),
    ),
    Way(
        "edit-instance",
        "can change what instances run when they start, with the role that the instance has",
        "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html",
        (
            ("ec2:ModifyInstanceAttribute", "ec2:StartInstances"),
            ("ec2:CreateLaunchTemplateVersion", "ec2:ModifyLaunchTemplate"),
        ),
        targets={
            "ec2:ModifyInstanceAttribute": ("instance",),
            "ec2:StartInstances": ("instance",),
        },
    ),
    Way(
        "edit-stack",
        "can change stacks that are made with a role of their own",
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html",
        (
            ("cloudformation:UpdateStack",),
            ("cloudformation:CreateChangeSet", "cloudformation:ExecuteChangeSet"),
        ),
    ),
    Way(
        "edit-build",
        "can make existing builds run commands of their own, with the role of the project",
        "https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html",
        (("codebuild:StartBuild",), ("codebuild:StartBuildBatch",)),
    ),
    Way(
        "edit-job",
        "can enter or change what Glue runs already, with the role that it has",
        RHINO,
        (("glue:UpdateDevEndpoint",), ("glue:RunStatement",)),
    ),
    Way(
        "open-notebook",
        "can open notebooks of SageMaker, and use the role that they have",
        "https://docs.aws.amazon.com/sagemaker/latest/dg/nbi.html",
        (
            ("sagemaker:CreatePresignedNotebookInstanceUrl",),
            ("sagemaker:CreatePresignedDomainUrl",),
        ),
    ),
    Way(
        "edit-state-machine",
        "can change existing state machines, which call AWS with a role of their own",
        "https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html",
        (("states:UpdateStateMachine", "states:StartExecution"),),
    ),
    Way(
        "edit-notebook",
        "can change what notebooks of SageMaker run when they start, with the role that they have",
        "https://docs.aws.amazon.com/sagemaker/latest/dg/notebook-lifecycle-config.html",
        (
            (
                "sagemaker:UpdateNotebookInstanceLifecycleConfig",
                "sagemaker:StartNotebookInstance",
            ),
            (
                "sagemaker:CreateNotebookInstanceLifecycleConfig",
                "sagemaker:UpdateNotebookInstance",
                "sagemaker:StartNotebookInstance",
            ),
        ),
    ),
    Way(
        "edit-service",
        "can change what services of App Runner run, with the role that they have",
        f"{CATALOGUE}apprunner-002",
        (("apprunner:UpdateService",),),
        targets={"apprunner:UpdateService": ("service",)},
    ),
    Way(
        "submit-job",
        "can run commands of their own in existing jobs of AWS Batch, with the role of the job",
        "https://docs.aws.amazon.com/batch/latest/userguide/job_definitions.html",
        (("batch:SubmitJob",),),
    ),
    Way(
        "submit-step",
        "can run steps of their own on existing EMR clusters, with the role of the cluster",
        "https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-iam-role-for-ec2.html",
        (("elasticmapreduce:AddJobFlowSteps",),),
    ),
    Way(
        "deploy-to-instance",
        "can deploy what they choose to instances, and use the role that those have",
        f"{CATALOGUE}codedeploy-001",
        (("codedeploy:CreateDeployment", "codedeploy:RegisterApplicationRevision"),),
    ),
    Way(
        "use-code-interpreter",
        "can run code in existing code interpreters of Bedrock AgentCore, with their role",
        f"{CATALOGUE}bedrock-002",
        (
            (
                "bedrock-agentcore:StartCodeInterpreterSession",
                "bedrock-agentcore:InvokeCodeInterpreter",
            ),
        ),
    ),
    Way(
        "enter-cluster",
        "can let themselves into EKS clusters, and use the roles that the pods have",
        "https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html",
        (("eks:CreateAccessEntry", "eks:AssociateAccessPolicy"),),
    ),
)
