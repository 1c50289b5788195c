"""Known ways to more access than was meant, as data.

Each is a set of alternatives; an alternative is actions that somebody must be allowed, the decisive
one first. The pages describe the way, or how the thing that it makes use of works.
"""

from dataclasses import dataclass

_IAM = "https://docs.aws.amazon.com/IAM/latest/APIReference/API_"
_RHINO = "https://rhinosecuritylabs.com/aws/aws-privilege-escalation-methods-mitigation/"

PASSING = "iam:PassRole"


@dataclass(frozen=True, slots=True)
class Way:
    """One way. `service` is whom a role is passed to, None where nobody passes any.

    `others` holds where it leads somewhere only if it works on other users than oneself.
    """

    code: str
    explanation: str
    url: str
    alternatives: tuple[tuple[str, ...], ...]
    service: str | None = None
    others: bool = False


def _passing(code: str, what: str, service: str, url: str, *alternatives: tuple[str, ...]) -> Way:
    return Way(
        code=f"pass-role-to-{code}",
        explanation=f"can pass a role to {what} and so do what that role may do",
        url=url,
        alternatives=tuple((PASSING, *each) for each in alternatives),
        service=service,
    )


#: What makes all others needless to tell.
ADMINISTRATOR = Way(
    "administrator",
    "may do anything in IAM, and so give themselves whatever they lack",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html",
    (("iam:*",),),
)

#: Told of each role that somebody may newly assume and that may do more than they.
ASSUME_ROLE_URL = "https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html"

WAYS = (
    Way(
        "create-policy-version",
        "can rewrite a managed policy, one that they hold themselves included",
        f"{_IAM}CreatePolicyVersion.html",
        (("iam:CreatePolicyVersion",),),
    ),
    Way(
        "set-default-policy-version",
        "can put an earlier and perhaps wider version of a managed policy into force",
        f"{_IAM}SetDefaultPolicyVersion.html",
        (("iam:SetDefaultPolicyVersion",),),
    ),
    Way(
        "attach-policy",
        "can attach any managed policy, to themselves or to whoever they can act as",
        _RHINO,
        (("iam:AttachUserPolicy",), ("iam:AttachGroupPolicy",), ("iam:AttachRolePolicy",)),
    ),
    Way(
        "put-inline-policy",
        "can write inline policies of their own making, for themselves or whoever they can act as",
        _RHINO,
        (("iam:PutUserPolicy",), ("iam:PutGroupPolicy",), ("iam:PutRolePolicy",)),
    ),
    Way(
        "remove-limits",
        "can take away or replace what limits somebody: a permissions boundary or a policy's Deny",
        f"{_IAM}DeleteUserPermissionsBoundary.html",
        (
            ("iam:DeleteUserPermissionsBoundary",),
            ("iam:DeleteRolePermissionsBoundary",),
            ("iam:PutUserPermissionsBoundary",),
            ("iam:PutRolePermissionsBoundary",),
            ("iam:DetachUserPolicy",),
            ("iam:DetachRolePolicy",),
            ("iam:DetachGroupPolicy",),
            ("iam:DeleteUserPolicy",),
            ("iam:DeleteRolePolicy",),
            ("iam:DeleteGroupPolicy",),
        ),
    ),
    Way(
        "add-user-to-group",
        "can join a group and so get its permissions",
        f"{_IAM}AddUserToGroup.html",
        (("iam:AddUserToGroup",),),
    ),
    Way(
        "create-access-key",
        "can make access keys of other users and act as them",
        f"{_IAM}CreateAccessKey.html",
        (("iam:CreateAccessKey",),),
        others=True,
    ),
    Way(
        "set-password",
        "can give other users a console password and sign in as them",
        f"{_IAM}CreateLoginProfile.html",
        (("iam:CreateLoginProfile",), ("iam:UpdateLoginProfile",)),
        others=True,
    ),
    Way(
        "replace-mfa-device",
        "can take away or replace the second factor of other users",
        f"{_IAM}DeactivateMFADevice.html",
        (("iam:DeactivateMFADevice",), ("iam:EnableMFADevice",)),
        others=True,
    ),
    Way(
        "update-trust-policy",
        "can let themselves into a role by rewriting whom it trusts",
        f"{_IAM}UpdateAssumeRolePolicy.html",
        (("iam:UpdateAssumeRolePolicy",),),
    ),
    Way(
        "change-identity-provider",
        "can make the account trust an identity provider of their own, and so enter its roles",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers.html",
        (
            ("iam:UpdateSAMLProvider",),
            ("iam:AddClientIDToOpenIDConnectProvider",),
            ("iam:UpdateOpenIDConnectProviderThumbprint",),
        ),
    ),
    Way(
        "identity-center",
        "can widen permission sets of IAM Identity Center or assign them to themselves",
        "https://docs.aws.amazon.com/singlesignon/latest/userguide/permissionsetsconcept.html",
        (
            ("sso:CreateAccountAssignment",),
            ("sso:PutInlinePolicyToPermissionSet",),
            ("sso:AttachManagedPolicyToPermissionSet",),
            ("sso:AttachCustomerManagedPolicyReferenceToPermissionSet",),
        ),
    ),
    _passing(
        "instance",
        "a new EC2 instance, or to one that has none,",
        "ec2.amazonaws.com",
        _RHINO,
        ("ec2:RunInstances",),
        ("ec2:AssociateIamInstanceProfile",),
        ("ec2:ReplaceIamInstanceProfileAssociation",),
        ("ec2:RequestSpotInstances",),
        ("ec2:CreateLaunchTemplateVersion", "autoscaling:UpdateAutoScalingGroup"),
        ("ec2:CreateLaunchTemplate", "autoscaling:CreateAutoScalingGroup"),
    ),
    _passing(
        "function",
        "a Lambda function of their own code",
        "lambda.amazonaws.com",
        _RHINO,
        ("lambda:CreateFunction", "lambda:InvokeFunction"),
        ("lambda:CreateFunction", "lambda:CreateEventSourceMapping"),
        ("lambda:CreateFunction", "lambda:AddPermission"),
        ("lambda:CreateFunction", "lambda:CreateFunctionUrlConfig"),
        ("lambda:CreateFunction", "events:PutRule", "events:PutTargets"),
        ("lambda:UpdateFunctionConfiguration", "lambda:UpdateFunctionCode"),
    ),
    _passing(
        "stack",
        "a CloudFormation stack that makes what they choose",
        "cloudformation.amazonaws.com",
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html",
        ("cloudformation:CreateStack",),
        ("cloudformation:UpdateStack",),
        ("cloudformation:CreateChangeSet", "cloudformation:ExecuteChangeSet"),
        ("cloudformation:CreateStackSet", "cloudformation:CreateStackInstances"),
    ),
    _passing(
        "glue",
        "Glue, to run code of their own",
        "glue.amazonaws.com",
        _RHINO,
        ("glue:CreateDevEndpoint",),
        ("glue:CreateSession", "glue:RunStatement"),
        ("glue:CreateJob", "glue:StartJobRun"),
        ("glue:CreateJob", "glue:CreateTrigger"),
        ("glue:UpdateJob", "glue:StartJobRun"),
        ("glue:UpdateJob", "glue:CreateTrigger"),
    ),
    _passing(
        "sagemaker",
        "SageMaker, to run code of their own",
        "sagemaker.amazonaws.com",
        "https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html",
        ("sagemaker:CreateNotebookInstance", "sagemaker:CreatePresignedNotebookInstanceUrl"),
        ("sagemaker:CreateTrainingJob",),
        ("sagemaker:CreateProcessingJob",),
        ("sagemaker:CreateUserProfile", "sagemaker:CreatePresignedDomainUrl"),
    ),
    _passing(
        "build",
        "a CodeBuild project that runs what they write",
        "codebuild.amazonaws.com",
        "https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html",
        ("codebuild:CreateProject", "codebuild:StartBuild"),
        ("codebuild:CreateProject", "codebuild:StartBuildBatch"),
        ("codebuild:UpdateProject", "codebuild:StartBuild"),
        ("codebuild:UpdateProject", "codebuild:StartBuildBatch"),
    ),
    _passing(
        "container",
        "a container in ECS",
        "ecs-tasks.amazonaws.com",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html",
        ("ecs:RegisterTaskDefinition", "ecs:RunTask"),
        ("ecs:RegisterTaskDefinition", "ecs:StartTask"),
        ("ecs:RegisterTaskDefinition", "ecs:CreateService"),
        ("ecs:RegisterTaskDefinition", "ecs:UpdateService"),
        ("ecs:RunTask",),
        ("ecs:StartTask",),
    ),
    _passing(
        "batch",
        "a container job in AWS Batch",
        "ecs-tasks.amazonaws.com",
        "https://docs.aws.amazon.com/batch/latest/userguide/create-iam-role.html",
        ("batch:RegisterJobDefinition", "batch:SubmitJob"),
    ),
    _passing(
        "state-machine",
        "a Step Functions state machine, which calls AWS for them,",
        "states.amazonaws.com",
        "https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html",
        ("states:CreateStateMachine", "states:StartExecution"),
        ("states:UpdateStateMachine", "states:StartExecution"),
        ("states:CreateStateMachine", "states:StartSyncExecution"),
    ),
    _passing(
        "schedule",
        "a schedule, which calls AWS for them,",
        "scheduler.amazonaws.com",
        "https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html",
        ("scheduler:CreateSchedule",),
        ("scheduler:UpdateSchedule",),
    ),
    _passing(
        "automation",
        "Systems Manager Automation, which calls AWS for them,",
        "ssm.amazonaws.com",
        "https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-setup-iam.html",
        ("ssm:StartAutomationExecution",),
    ),
    _passing(
        "data-pipeline",
        "a data pipeline that runs commands",
        "datapipeline.amazonaws.com",
        _RHINO,
        (
            "datapipeline:CreatePipeline",
            "datapipeline:PutPipelineDefinition",
            "datapipeline:ActivatePipeline",
        ),
    ),
    _passing(
        "cluster",
        "an EMR cluster",
        "elasticmapreduce.amazonaws.com",
        "https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-iam-role-for-ec2.html",
        ("elasticmapreduce:RunJobFlow",),
    ),
    _passing(
        "app-runner",
        "an App Runner service that runs their code",
        "tasks.apprunner.amazonaws.com",
        "https://docs.aws.amazon.com/apprunner/latest/dg/security_iam_service-with-iam.html",
        ("apprunner:CreateService",),
        ("apprunner:UpdateService",),
    ),
    _passing(
        "pods",
        "pods of an EKS cluster",
        "pods.eks.amazonaws.com",
        "https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html",
        ("eks:CreatePodIdentityAssociation",),
        ("eks:UpdatePodIdentityAssociation",),
    ),
    _passing(
        "trust-anchor",
        "a profile of IAM Roles Anywhere, for certificates of their own",
        "rolesanywhere.amazonaws.com",
        "https://docs.aws.amazon.com/rolesanywhere/latest/userguide/introduction.html",
        ("rolesanywhere:CreateTrustAnchor", "rolesanywhere:CreateProfile"),
    ),
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
        (("ssm:SendCommand",),),
    ),
    Way(
        "open-instance",
        "can open a shell on instances or containers, and use the role that they have",
        "https://docs.aws.amazon.com/systems-manager/latest/userguide/"
        "getting-started-restrict-access-quickstart.html",
        (("ssm:StartSession",), ("ssm:ResumeSession",), ("ecs:ExecuteCommand",)),
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
        (("ec2:ModifyInstanceAttribute", "ec2:StartInstances"),),
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
        _RHINO,
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
)
